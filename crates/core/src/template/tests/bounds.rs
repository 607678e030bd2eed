//! Nothing a stranger writes may run away, overflow the stack or take the memory.

use super::*;
use crate::template::limits;
use proptest::prelude::*;

#[test]
fn work_is_bounded() {
    for source in [
        "{% for i in (1..100000000) %}{% endfor %}",
        "{% for i in (1..100000000) %}x{% break %}{% endfor %}{% for i in (1..100000000) %}{% assign x = i %}{% endfor %}",
        "{{ (1..100000000) | size }}{{ (1..100000000) | join }}",
        "{{ (1..100000000) | sort | first }}",
        "{% for a in (1..1000) %}{% for b in (1..1000) %}{% if a == b %}{% endif %}{% endfor %}{% endfor %}",
        "{% assign l = 'a' | split: '' %}{% for i in (1..60) %}{% assign l = l | concat: l %}{% endfor %}",
    ] {
        let result = run(source);
        assert!(matches!(result, Err(RenderError::OutOfFuel { .. })), "{source}: {result:?}");
    }
}

/// Work hidden in the depth of the data is paid for as well.
#[test]
fn deep_data_costs_its_depth() {
    let items: Vec<Json> = (0..900).map(|i| json!({ "n": i, "text": "x".repeat(32) })).collect();
    let data = json!({ "event": { "items": items } });
    for work in [
        "{% if event == event %}{% endif %}",
        "{% case event %}{% when event %}{% endcase %}",
        "{% assign x = event | truncate: 3 %}",
        "{% assign x = event | where: 'items', event.items %}",
    ] {
        let source = format!("{{% for i in (1..200) %}}{work}{{% endfor %}}");
        let result = run_with(&source, &data, MissingPolicy::Empty, &RenderLimits::default());
        assert!(matches!(result, Err(RenderError::OutOfFuel { .. })), "{source}: {result:?}");
    }
}

#[test]
fn texts_are_bounded() {
    let doubled = "{% assign a = 'abcdefgh' %}{% for i in (1..24) %}{% assign a = a | append: a %}{% endfor %}";
    let replaced = "{% assign a = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' %}{% for i in (1..24) %}\
                    {% assign a = a | replace: 'a', a %}{% endfor %}";
    let captured = "{% assign a = 'abcdefgh' %}{% for i in (1..24) %}\
                    {% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}";
    let joined = "{% assign a = (1..9) | join: 'abcdefgh' %}{% for i in (1..9) %}\
                  {% assign a = (1..9) | join: a %}{% endfor %}";
    for source in [doubled, replaced, captured, joined] {
        let result = run(source);
        assert!(matches!(result, Err(RenderError::StringTooLong { .. })), "{source}: {result:?}");
    }
    let table = run("{% tablerow i in (1..100000000) %}{% endtablerow %}");
    assert!(matches!(table, Err(RenderError::OutputTooLong { .. })), "{table:?}");
    let long = "{% for i in (1..1000) %}0123456789012345678901234567890{% endfor %}";
    assert_eq!(
        run(long),
        Err(RenderError::OutputTooLong { limit: limits::OUTPUT_BYTES_MAX, line: 1, column: 1 })
    );
}

#[test]
fn limits_are_settings() {
    let limits = RenderLimits { fuel: 3, output_bytes: 4, string_bytes: 8 };
    let run = |source| run_with(source, &data(), MissingPolicy::Empty, &limits);
    assert_eq!(run("abcd").as_deref(), Ok("abcd"));
    assert!(matches!(run("abcde"), Err(RenderError::OutputTooLong { limit: 4, .. })));
    assert!(matches!(run("{{1}}{{2}}{{3}}{{4}}"), Err(RenderError::OutOfFuel { limit: 3, .. })));
    let long = run("{{ 'abcdefgh' | append: 'i' }}");
    assert!(matches!(long, Err(RenderError::StringTooLong { limit: 8, .. })));
}

#[test]
fn nesting_is_bounded() {
    for (open, middle, close) in [
        ("{% if x %}", "y", "{% endif %}"),
        ("{% for x in y %}", "y", "{% endfor %}"),
        ("{% capture x %}", "y", "{% endcapture %}"),
        ("{% case x %}{% when 1 %}", "y", "{% endcase %}"),
    ] {
        let nest = |n: usize| [open.repeat(n), middle.to_owned(), close.repeat(n)].concat();
        assert!(Template::parse(&nest(limits::NESTING_MAX)).is_ok(), "{open}");
        assert!(Template::parse(&nest(limits::NESTING_MAX + 1)).is_err(), "{open}");
        assert!(Template::parse(&open.repeat(6_000)).is_err(), "{open}");
    }
    assert!(Template::parse(&format!("{{{{ {} }}}}", "a[".repeat(30_000))).is_err());
    assert!(Template::parse(&format!("{{{{ {} }}}}", "[".repeat(60_000))).is_err());
    assert!(Template::parse(&format!("{{{{ {} }}}}", "(".repeat(60_000))).is_err());
    assert!(Template::parse(&format!("{{% {} %}}", "liquid ".repeat(9_000))).is_err());
    assert!(Template::parse(&" ".repeat(limits::SOURCE_BYTES_MAX + 1)).is_err());
    let deep = ["{% if contact.vip %}".repeat(64), "x".into(), "{% endif %}".repeat(64)].concat();
    assert_eq!(run(&deep).as_deref(), Ok("x"));
    let long = format!("{{% if {} x %}}a{{% endif %}}.", "x or ".repeat(10_000));
    assert_eq!(run(&long).as_deref(), Ok("."));
}

/// Scraps that make up templates which are nearly right.
fn scrap() -> impl Strategy<Value = String> {
    const SCRAPS: &[&str] = &[
        "{{",
        "}}",
        "{%",
        "%}",
        "{%-",
        "-%}",
        "{{-",
        "-}}",
        " if ",
        " endif ",
        " for i in ",
        " endfor ",
        " x ",
        " contact.tags ",
        "(1..9)",
        " | ",
        "upcase",
        "append: ",
        "split: ''",
        "date: '%F %s'",
        "slice: -2, 9",
        "truncate: 3",
        "sort",
        "map: 'x'",
        "money: 'EUR'",
        "round: 3",
        " 'a' ",
        " 1.5 ",
        " -3 ",
        "[0]",
        ".first",
        " == ",
        " contains ",
        " and ",
        " else ",
        " case ",
        " when ",
        " assign a = ",
        " capture a ",
        " endcapture ",
        " raw ",
        " endraw ",
        " liquid ",
        "\n",
        " echo ",
        " cycle ",
        ",",
        ":",
        " tablerow i in ",
        " endtablerow ",
        " limit: 2 ",
        " offset: continue ",
        "reversed",
        " é😀 ",
        "{{ x }}",
        "{% if x %}",
        "{% endif %}",
        "{% for i in (1..3) %}",
        "{% endfor %}",
        " break ",
        " comment ",
        " endcomment ",
        "#",
        "{% else %}",
        "{{ i | append: i }}",
        "{% assign x = 'ab' %}",
    ];
    prop_oneof![4 => prop::sample::select(SCRAPS).prop_map(str::to_owned), 1 => ".{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_source_ends(parts in prop::collection::vec(scrap(), 0..24)) {
        let source = parts.concat();
        if let Ok(template) = Template::parse(&source) {
            let _ = template.variables();
            for missing in [MissingPolicy::Empty, MissingPolicy::Refuse] {
                let result = run_with(&source, &data(), missing, &RenderLimits::default());
                if let Ok(text) = result {
                    prop_assert!(text.len() <= limits::OUTPUT_BYTES_MAX);
                }
            }
        }
    }

    #[test]
    fn any_filter_on_any_value_ends(
        filter in prop::sample::select(
            crate::template::filters::names().collect::<Vec<_>>(),
        ),
        input in 0usize..9,
        args in prop::collection::vec(0usize..9, 0..3),
    ) {
        let values = [
            "''", "'héllo wörld 12.5'", "-7", "2.5", "(1..5)", "contact", "event.items", "nope",
            "99999999999999999999999999999999999999",
        ];
        let args: Vec<&str> = args.iter().map(|i| values[*i]).collect();
        let colon = if args.is_empty() { "" } else { ": " };
        let source = format!("{{{{ {} | {filter}{colon}{} }}}}", values[input], args.join(", "));
        if Template::parse(&source).is_ok() {
            let _ = run_with(&source, &data(), MissingPolicy::Empty, &RenderLimits::default());
        }
    }

    #[test]
    fn any_depth_is_safe(n in 0usize..3_000, open in prop::sample::select(vec![
        "{% if x %}", "{% for i in x %}", "{{ a[", "{% liquid if x\n liquid ", "(", "{% unless x %}",
    ])) {
        let _ = Template::parse(&open.repeat(n));
    }
}
