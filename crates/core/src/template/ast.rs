//! The compiled form of a template.
//!
//! Must never hold data of a person: one compiled template serves everybody, from any thread.

use super::filters::Filter;
use std::fmt::{self, Display, Write as _};

/// Nodes in the order they are rendered.
pub(super) type Block = Vec<Node>;

/// One thing to render.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// Text as it stands.
    Text(Box<str>),
    /// Text of a `raw` block: as it stands, and never dropped as blank.
    Raw(Box<str>),
    /// `{{ ... }}` or `echo`.
    Output(Filtered),
    Assign {
        name: Box<str>,
        value: Filtered,
    },
    Capture {
        name: Box<str>,
        body: Block,
        at: u32,
    },
    /// `if` and `unless`: the first branch whose test holds.
    If(Vec<Branch>),
    Case {
        subject: Expr,
        arms: Vec<Arm>,
        at: u32,
    },
    For(Box<For>),
    TableRow(Box<For>),
    Cycle(Box<Cycle>),
    /// `increment` shows, then adds one; `decrement` takes one, then shows.
    Count {
        name: Box<str>,
        up: bool,
        at: u32,
    },
    Break,
    Continue,
    IfChanged {
        body: Block,
        at: u32,
    },
}

/// One arm of `if`; without a test it is the `else`.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) test: Option<Condition>,
    /// The branch is taken when the test gives this (`false` for `unless`).
    pub(super) wanted: bool,
    pub(super) body: Block,
    pub(super) at: u32,
}

/// One arm of `case`. An `else` has no values.
#[derive(Debug, Clone)]
pub(super) struct Arm {
    pub(super) values: Option<Vec<Expr>>,
    pub(super) body: Block,
}

/// `for` and `tablerow`.
#[derive(Debug, Clone)]
pub(super) struct For {
    pub(super) variable: Box<str>,
    pub(super) source: Expr,
    /// What `forloop.name` shows and `offset: continue` is kept under.
    pub(super) name: Box<str>,
    pub(super) limit: Option<Expr>,
    pub(super) offset: Option<Offset>,
    pub(super) columns: Option<Expr>,
    pub(super) reversed: bool,
    pub(super) body: Block,
    pub(super) otherwise: Block,
    pub(super) at: u32,
}

/// Where a loop starts.
#[derive(Debug, Clone)]
pub(super) enum Offset {
    At(Expr),
    /// Where the loop of the same name ended.
    Continue,
}

/// `cycle`: the next of its items each time.
#[derive(Debug, Clone)]
pub(super) struct Cycle {
    /// The group's name as written; without one the items name the group.
    pub(super) group: Option<Expr>,
    pub(super) items: Vec<Expr>,
    pub(super) key: Box<str>,
    pub(super) at: u32,
}

/// An expression and the filters it goes through. No expression: `{{ }}`, which shows nothing.
#[derive(Debug, Clone)]
pub(super) struct Filtered {
    pub(super) base: Option<Expr>,
    pub(super) filters: Vec<FilterCall>,
    pub(super) at: u32,
}

/// One filter with its arguments.
#[derive(Debug, Clone)]
pub(super) struct FilterCall {
    pub(super) filter: &'static Filter,
    pub(super) args: Vec<Expr>,
    pub(super) named: Vec<(&'static str, Expr)>,
    pub(super) at: u32,
}

/// A value to be worked out.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    Nil,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Box<str>),
    /// `blank`, equal to what has nothing to show.
    Blank,
    /// `empty`, equal to a text, list or object of size 0.
    Empty,
    Range(Box<(Expr, Expr)>),
    Path(Box<Path>),
}

/// `contact.tags[0].name`.
#[derive(Debug, Clone)]
pub(super) struct Path {
    pub(super) root: Root,
    pub(super) steps: Vec<Step>,
}

/// The first part of a path.
#[derive(Debug, Clone)]
pub(super) enum Root {
    Name(Box<str>),
    /// `[name_of_variable]`.
    Computed(Expr),
}

/// A further part of a path.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Name(Box<str>),
    Index(Expr),
}

/// Comparisons joined by `and` and `or`, grouped from the right: `a and b or c` is `a and (b or c)`.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    /// Each comparison with the word that joins it to the next. The last one's word is not used.
    pub(super) tests: Vec<(Comparison, Join)>,
}

/// How a comparison goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    And,
    Or,
}

/// `left op right`, or whether `left` is true.
#[derive(Debug, Clone)]
pub(super) struct Comparison {
    pub(super) left: Expr,
    pub(super) right: Option<(Operator, Expr)>,
    pub(super) at: u32,
}

/// What a comparison asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
}

impl Display for Expr {
    /// As an author would write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Nil => f.write_str("nil"),
            Expr::Bool(b) => b.fmt(f),
            Expr::Int(i) => i.fmt(f),
            Expr::Float(x) => write!(f, "{x:?}"),
            Expr::Text(t) => write!(f, "'{t}'"),
            Expr::Blank => f.write_str("blank"),
            Expr::Empty => f.write_str("empty"),
            Expr::Range(ends) => write!(f, "({}..{})", ends.0, ends.1),
            Expr::Path(path) => path.fmt(f),
        }
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Root::Name(name) => f.write_str(name)?,
            Root::Computed(index) => write!(f, "[{index}]")?,
        }
        for step in &self.steps {
            match step {
                Step::Name(name) => {
                    f.write_char('.')?;
                    f.write_str(name)?;
                }
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
