//! Errors say where, what and what to do.

use super::*;

#[test]
fn parsing() {
    let table = [
        ("a\n {{ x | upcas }}", 2, 9, "there is no filter \"upcas\"; did you mean \"upcase\"?"),
        ("{{ x | qqqqqqq }}", 1, 8, "there is no filter \"qqqqqqq\""),
        ("{% iff x %}", 1, 1, "there is no tag \"iff\"; did you mean \"if\"?"),
        ("é {% asign x = 1 %}", 1, 3, "there is no tag \"asign\"; did you mean \"assign\"?"),
        ("{% if x %}", 1, 1, "if is never closed; add {% endif %}"),
        (
            "{% if x %}{% endfor %}",
            1,
            11,
            "endfor found where if is still open; close it with endif",
        ),
        ("{% endif %}", 1, 1, "endif closes a block that was never opened"),
        ("{% else %}", 1, 1, "else stands outside its block; open it first"),
        ("Hi {{ x", 1, 4, "{{ is never closed; add }}"),
        ("Hi {% if", 1, 4, "{% is never closed; add %}"),
        ("{{ 'abc }}", 1, 4, "this text is never closed; add '"),
        ("{{ x + 1 }}", 1, 6, "unexpected '+'; sums and the like are filters, as in `| plus: 1`"),
        ("{{ x y }}", 1, 6, "unexpected \"y\"; expected | and a filter, or the end"),
        (
            "{{ a.0 }}",
            1,
            6,
            "unexpected \"0\"; expected a name after the dot; write items as list[0]",
        ),
        ("{{ x | append }}", 1, 8, "append takes one argument, but 0 stand here"),
        ("{{ x | replace: 1, 2, 3 }}", 1, 8, "replace takes 1 to 2 arguments, but 3 stand here"),
        ("{{ x | default: 1, allow: 2 }}", 1, 20, "default has no option \"allow\""),
        ("{% assign x %}", 1, 13, "this ends too early; expected =, as in `assign name = value`"),
        ("{% comment %}", 1, 1, "comment is never closed; add {% endcomment %}"),
        ("{% raw %}{% endrow %}", 1, 1, "raw is never closed; add {% endraw %}"),
        ("{% %}", 1, 1, "a tag starts with its name, as in {% if contact.vip %}"),
        (
            "{% liquid\n  echo x\n  eco y\n%}",
            3,
            3,
            "there is no tag \"eco\"; did you mean \"echo\"?",
        ),
        (
            "{% render 'x' %}",
            1,
            1,
            "render does not work here: a template is one text; put the part into it",
        ),
    ];
    for (source, line, column, message) in table {
        let error = Template::parse(source).unwrap_err();
        assert_eq!(
            (error.line, error.column, &*error.message),
            (line, column, message),
            "{source}"
        );
    }
}

#[test]
fn rendering() {
    for (source, wanted) in [
        ("{{ 1 | divided_by: 0 }}", "line 1, column 8: divided_by: cannot divide by zero"),
        (
            "a\n{% if 'a' > 1 %}{% endif %}",
            "line 2, column 7: cannot order a text and a number; make both numbers",
        ),
        ("{{ 'x' | slice: 'y' }}", "line 1, column 10: slice: wants a whole number, got a text"),
        (
            "{% for i in (1..3) limit: 'x' %}{% endfor %}",
            "line 1, column 1: 'x' has to be a whole number, but is a text",
        ),
        (
            "{{ event.items | concat: 1 }}",
            "line 1, column 18: concat: wants a list to add, got a number",
        ),
    ] {
        assert_eq!(run(source).unwrap_err().to_string(), wanted, "{source}");
    }
}
