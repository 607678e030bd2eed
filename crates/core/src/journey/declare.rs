//! The macros that declare the types of the language.
//!
//! Must never hold a rule of the language: only how a declaration becomes code.

/// A mapping with known keys, in their canonical order. `[flat]` takes the keys of another type
/// into this mapping; `short key` lets a bare value stand for the mapping with that key alone.
macro_rules! record {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident: $what:literal $(short $short:literal)? {
            $( $(#[doc = $fdoc:literal])* $([$mode:ident])? $field:ident $(as $key:literal)?: $type:ty, )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[doc = $fdoc])* pub $field: $type, )*
            /// Where it stands.
            pub at: $crate::journey::problem::Spot,
        }

        impl $crate::journey::form::Fragment for $name {
            fn take(
                fields: &mut $crate::journey::form::Fields<'_>,
                report: &mut $crate::journey::form::Report,
            ) -> Option<Self> {
                // All are read before one may fail, so that every problem is told.
                $( let $field: Option<$type> = $crate::journey::declare::field_take!(
                    [$($mode)?] $type, $crate::journey::declare::field_key!($field $($key)?), fields, report
                ); )*
                Some($name { $( $field: $field?, )* at: fields.at() })
            }
            fn put(&self, entries: &mut Vec<($crate::journey::node::Key, $crate::journey::node::Node)>) {
                $( $crate::journey::declare::field_put!(
                    [$($mode)?] self.$field, $crate::journey::declare::field_key!($field $($key)?), entries
                ); )*
            }
            fn keys(into: &mut Vec<&'static str>) {
                $( $crate::journey::declare::field_keys!(
                    [$($mode)?] $type, $crate::journey::declare::field_key!($field $($key)?), into
                ); )*
            }
            fn shape(
                book: &mut $crate::journey::form::SchemaBook,
                shape: &mut $crate::journey::form::Shape,
            ) {
                $( $crate::journey::declare::field_shape!(
                    [$($mode)?] $type, $crate::journey::declare::field_key!($field $($key)?), book, shape,
                    $crate::journey::form::doc_text(&[$($fdoc),*])
                ); )*
            }
        }

        impl $crate::journey::form::Form for $name {
            const WHAT: &'static str = $what;
            fn decode(
                node: &$crate::journey::node::Node,
                report: &mut $crate::journey::form::Report,
            ) -> Option<Self> {
                $(
                    if !matches!(node.value, $crate::journey::node::Value::Map(_)) {
                        let long = $crate::journey::node::Node {
                            at: node.at,
                            value: $crate::journey::node::Value::Map(vec![(
                                $crate::journey::node::Key { text: $short.to_owned(), at: node.at },
                                node.clone(),
                            )]),
                        };
                        let mut fields =
                            $crate::journey::form::Fields::open(&long, $what, report)?;
                        return <Self as $crate::journey::form::Fragment>::take(&mut fields, report);
                    }
                )?
                let mut fields = $crate::journey::form::Fields::open(node, $what, report)?;
                let read = <Self as $crate::journey::form::Fragment>::take(&mut fields, report);
                let closed = fields.close(report);
                closed.and(read)
            }
            fn encode(&self) -> $crate::journey::node::Node {
                let mut entries = Vec::new();
                $crate::journey::form::Fragment::put(self, &mut entries);
                $(
                    if let [(key, _)] = entries.as_slice() && key.text == $short
                        && let Some((_, only)) = entries.pop()
                    {
                        return only;
                    }
                )?
                $crate::journey::node::Node::new($crate::journey::node::Value::Map(entries))
            }
            fn schema(book: &mut $crate::journey::form::SchemaBook) -> serde_json::Value {
                book.named(stringify!($name), |book| {
                    let mut shape = $crate::journey::form::Shape::default();
                    <Self as $crate::journey::form::Fragment>::shape(book, &mut shape);
                    #[allow(unused_mut, reason = "only records with a short form change it")]
                    let mut schema = shape.finish(&$crate::journey::form::doc_text(&[$($doc),*]));
                    $(
                        let bare = schema["properties"][$short].clone();
                        schema = serde_json::json!({ "anyOf": [bare, schema] });
                    )?
                    schema
                })
            }
        }
    };
}

macro_rules! field_key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

macro_rules! field_take {
    ([] $type:ty, $key:expr, $fields:expr, $report:expr) => {
        <$type as $crate::journey::form::Field>::take($key, $fields, $report)
    };
    ([flat] $type:ty, $key:expr, $fields:expr, $report:expr) => {
        <$type as $crate::journey::form::Fragment>::take($fields, $report)
    };
}

macro_rules! field_put {
    ([] $value:expr, $key:expr, $entries:expr) => {
        if let Some(node) = $crate::journey::form::Field::node(&$value) {
            $entries.push(($crate::journey::node::Key::new($key), node));
        }
    };
    ([flat] $value:expr, $key:expr, $entries:expr) => {
        $crate::journey::form::Fragment::put(&$value, $entries)
    };
}

macro_rules! field_keys {
    ([] $type:ty, $key:expr, $into:expr) => {
        $into.push($key)
    };
    ([flat] $type:ty, $key:expr, $into:expr) => {
        <$type as $crate::journey::form::Fragment>::keys($into)
    };
}

macro_rules! field_shape {
    ([] $type:ty, $key:expr, $book:expr, $shape:expr, $doc:expr) => {
        let schema = <$type as $crate::journey::form::Field>::value_schema($book);
        $shape.property($key, &$doc, <$type as $crate::journey::form::Field>::REQUIRED, schema)
    };
    ([flat] $type:ty, $key:expr, $book:expr, $shape:expr, $doc:expr) => {
        <$type as $crate::journey::form::Fragment>::shape($book, $shape)
    };
}

/// One of several keys decides. `value "key" Variant(T)`: the key holds a `T`; `record "key"
/// Variant(T)`: `T` takes the key and those beside it.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident: $what:literal {
            $( $(#[doc = $vdoc:literal])* $mode:ident $($key:literal)|+ $variant:ident($type:ty), )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $( $(#[doc = $vdoc])* $variant($type), )*
        }

        impl $name {
            /// The keys that decide.
            pub const DECIDING: &'static [&'static str] = &[$($($key),+),*];
        }

        impl $crate::journey::form::Fragment for $name {
            fn take(
                fields: &mut $crate::journey::form::Fields<'_>,
                report: &mut $crate::journey::form::Report,
            ) -> Option<Self> {
                let mut keys = Vec::new();
                <Self as $crate::journey::form::Fragment>::keys(&mut keys);
                fields.note(&keys);
                match fields.one_of(Self::DECIDING, $what, report)? {
                    $( $($key)|+ => $crate::journey::declare::variant_take!(
                        $mode $type, [$($key),+], fields, report).map($name::$variant), )*
                    _ => None,
                }
            }
            fn put(&self, entries: &mut Vec<($crate::journey::node::Key, $crate::journey::node::Node)>) {
                match self {
                    $( $name::$variant(inner) => {
                        $crate::journey::declare::variant_put!($mode inner, [$($key),+], entries);
                    } )*
                }
            }
            fn keys(into: &mut Vec<&'static str>) {
                $( $crate::journey::declare::variant_keys!($mode $type, [$($key),+], into); )*
            }
            fn shape(
                book: &mut $crate::journey::form::SchemaBook,
                shape: &mut $crate::journey::form::Shape,
            ) {
                $( $crate::journey::declare::variant_shape!(
                    $mode $type, [$($key),+], book, shape,
                    $crate::journey::form::doc_text(&[$($vdoc),*])
                ); )*
                shape.alternatives(Self::DECIDING, false);
            }
        }

        impl $crate::journey::form::Fragment for Option<$name> {
            fn take(
                fields: &mut $crate::journey::form::Fields<'_>,
                report: &mut $crate::journey::form::Report,
            ) -> Option<Self> {
                if fields.present($name::DECIDING).is_empty() {
                    fields.note($name::DECIDING);
                    return Some(None);
                }
                <$name as $crate::journey::form::Fragment>::take(fields, report).map(Some)
            }
            fn put(&self, entries: &mut Vec<($crate::journey::node::Key, $crate::journey::node::Node)>) {
                if let Some(inner) = self {
                    $crate::journey::form::Fragment::put(inner, entries);
                }
            }
            fn keys(into: &mut Vec<&'static str>) {
                <$name as $crate::journey::form::Fragment>::keys(into);
            }
            fn shape(
                book: &mut $crate::journey::form::SchemaBook,
                shape: &mut $crate::journey::form::Shape,
            ) {
                $( $crate::journey::declare::variant_shape!(
                    $mode $type, [$($key),+], book, shape,
                    $crate::journey::form::doc_text(&[$($vdoc),*])
                ); )*
                shape.alternatives($name::DECIDING, true);
            }
        }

        impl $crate::journey::form::Form for $name {
            const WHAT: &'static str = $what;
            fn decode(
                node: &$crate::journey::node::Node,
                report: &mut $crate::journey::form::Report,
            ) -> Option<Self> {
                let mut fields = $crate::journey::form::Fields::open(node, $what, report)?;
                let read = <Self as $crate::journey::form::Fragment>::take(&mut fields, report);
                let closed = fields.close(report);
                closed.and(read)
            }
            fn encode(&self) -> $crate::journey::node::Node {
                let mut entries = Vec::new();
                $crate::journey::form::Fragment::put(self, &mut entries);
                $crate::journey::node::Node::new($crate::journey::node::Value::Map(entries))
            }
            fn schema(book: &mut $crate::journey::form::SchemaBook) -> serde_json::Value {
                book.named(stringify!($name), |book| {
                    let mut shape = $crate::journey::form::Shape::default();
                    <Self as $crate::journey::form::Fragment>::shape(book, &mut shape);
                    shape.finish(&$crate::journey::form::doc_text(&[$($doc),*]))
                })
            }
        }
    };
}

macro_rules! variant_take {
    (value $type:ty, [$key:literal], $fields:expr, $report:expr) => {
        <$type as $crate::journey::form::Field>::take($key, $fields, $report)
    };
    (record $type:ty, [$($key:literal),+], $fields:expr, $report:expr) => {
        <$type as $crate::journey::form::Fragment>::take($fields, $report)
    };
}

macro_rules! variant_put {
    (value $inner:expr, [$key:literal], $entries:expr) => {
        $entries.push((
            $crate::journey::node::Key::new($key),
            $crate::journey::form::Form::encode($inner),
        ))
    };
    (record $inner:expr, [$($key:literal),+], $entries:expr) => {
        $crate::journey::form::Fragment::put($inner, $entries)
    };
}

macro_rules! variant_keys {
    (value $type:ty, [$key:literal], $into:expr) => {
        $into.push($key)
    };
    (record $type:ty, [$($key:literal),+], $into:expr) => {
        <$type as $crate::journey::form::Fragment>::keys($into)
    };
}

macro_rules! variant_shape {
    (value $type:ty, [$key:literal], $book:expr, $shape:expr, $doc:expr) => {
        let schema = <$type as $crate::journey::form::Form>::schema($book);
        $shape.property($key, &$doc, false, schema)
    };
    (record $type:ty, [$($key:literal),+], $book:expr, $shape:expr, $doc:expr) => {{
        let mut inner = $crate::journey::form::Shape::default();
        <$type as $crate::journey::form::Fragment>::shape($book, &mut inner);
        $shape.merge_alternative(inner);
    }};
}

/// One word of a closed list, for an enum that is declared elsewhere.
macro_rules! words {
    ($name:ty, $label:literal: $what:literal { $($word:literal = $variant:path,)* }) => {
        impl $crate::journey::form::Form for $name {
            const WHAT: &'static str = $what;
            fn decode(
                node: &$crate::journey::node::Node,
                report: &mut $crate::journey::form::Report,
            ) -> Option<Self> {
                let $crate::journey::node::Value::Text(text) = &node.value else {
                    report.wrong(node, concat!($what, ", a text"));
                    return None;
                };
                match text.as_str() {
                    $( $word => Some($variant), )*
                    _ => {
                        let message = format!(
                            "{:?} is not {}{}",
                            $crate::journey::problem::shortened(text),
                            $what,
                            $crate::journey::problem::advice(text, [$($word),*])
                        );
                        report.error($crate::journey::problem::Code::UnknownWord, node.at, message);
                        None
                    }
                }
            }
            fn encode(&self) -> $crate::journey::node::Node {
                $crate::journey::node::Node::text(match self { $( $variant => $word, )* })
            }
            fn schema(book: &mut $crate::journey::form::SchemaBook) -> serde_json::Value {
                book.named($label, |_| serde_json::json!({ "enum": [$($word),*] }))
            }
        }
    };
}

/// A text with a rule, and where it stands.
macro_rules! scalar {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident: $what:literal, $code:ident, $check:path $(, pattern $pattern:literal)?
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            /// As written.
            pub text: String,
            /// Where it stands.
            pub at: $crate::journey::problem::Spot,
        }

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.text
            }
        }

        impl $crate::journey::form::Form for $name {
            const WHAT: &'static str = $what;
            fn decode(
                node: &$crate::journey::node::Node,
                report: &mut $crate::journey::form::Report,
            ) -> Option<Self> {
                use $crate::journey::problem::Code;
                let $crate::journey::node::Value::Text(text) = &node.value else {
                    let message = format!("expected {}, found {}", $what, node.describe());
                    let code = match &node.value {
                        $crate::journey::node::Value::Number(_) => Code::$code,
                        _ => Code::WrongType,
                    };
                    let quotes = $crate::journey::definition::scalar::quotes_hint(node, Code::$code);
                    report.error(code, node.at, message + quotes);
                    return None;
                };
                if let Err(why) = $check(text) {
                    let message = format!(
                        "{:?} is not {}{why}", $crate::journey::problem::shortened(text), $what
                    );
                    report.error(Code::$code, node.at, message);
                    return None;
                }
                Some($name { text: text.clone(), at: node.at })
            }
            fn encode(&self) -> $crate::journey::node::Node {
                $crate::journey::node::Node::text(self.text.clone())
            }
            fn schema(book: &mut $crate::journey::form::SchemaBook) -> serde_json::Value {
                book.named(stringify!($name), |_| {
                    #[allow(unused_mut, reason = "only scalars with a pattern change it")]
                    let mut schema = serde_json::json!({
                        "type": "string",
                        "description": $crate::journey::form::doc_text(&[$($doc),*]),
                    });
                    $( schema["pattern"] = serde_json::json!($pattern); )?
                    schema
                })
            }
        }
    };
}

pub(crate) use {
    choice, field_key, field_keys, field_put, field_shape, field_take, record, scalar,
    variant_keys, variant_put, variant_shape, variant_take, words,
};
