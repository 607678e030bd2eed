//! What happens where a value is missing.

use super::*;

#[test]
fn refused_wherever_it_leaves_a_hole() {
    let table = [
        ("Hi {{ contact.nope }}", "contact.nope", 1, 7),
        ("Hi\n {{ nope.deep[0].er }}", "nope.deep[0].er", 2, 5),
        ("{{ contact.none }}", "contact.none", 1, 4),
        ("{{ nope | upcase }}", "nope", 1, 4),
        ("{{ nope | append: '!' }}", "nope", 1, 4),
        ("{{ 'Hi ' | append: nope }}", "nope", 1, 12),
        ("{{ nope | default: nope2 }}", "nope", 1, 4),
        ("{% echo nope %}", "nope", 1, 9),
        ("{% assign n = nope %}{{ n }}", "n", 1, 25),
        ("{% assign n = nope | upcase %}{{ n }}", "n", 1, 34),
        ("{% capture c %}{{ nope }}{% endcapture %}", "nope", 1, 19),
        ("{% cycle nope, 'b' %}", "nope", 1, 1),
        ("{{ contact.tags[9] }}", "contact.tags[9]", 1, 4),
        ("{{ nil }}", "nil", 1, 4),
    ];
    for (source, path, line, column) in table {
        let wanted = RenderError::Missing { path: path.to_owned(), line, column };
        assert_eq!(run(source), Err(wanted), "{source}");
    }
}

#[test]
fn filled_in_or_only_asked_for() {
    check(&[
        ("Hi {{ nope | default: 'you' }}!", "Hi you!"),
        ("Hi {{ nope | upcase | default: 'you' }}!", "Hi you!"),
        ("Hi {{ nope | default: contact.first_name | upcase }}!", "Hi ADA!"),
        ("Hi {{ contact.blank | default: 'you' }}!", "Hi you!"),
        ("Hi{{ nope | default: '' }}!", "Hi!"),
        ("[{{ contact.blank }}]", "[]"),
        ("{% if nope %}a{% else %}b{% endif %}", "b"),
        ("{% if nope.deep == nil %}a{% endif %}", "a"),
        ("{% if nope == blank %}a{% endif %}{% if nope > 3 %}b{% endif %}", "a"),
        ("{% unless nope %}a{% endunless %}", "a"),
        ("{% case nope %}{% when 'x' %}a{% else %}b{% endcase %}", "b"),
        ("{% for i in nope %}a{% else %}b{% endfor %}", "b"),
        ("{% for i in contact.tags limit: nope %}{{ i }}{% endfor %}", "ab"),
        ("{% assign l = nope | where: 'x' %}{% for i in l %}a{% endfor %}.", "."),
        ("{% assign n = nope | size %}{{ n }}", "0"),
        ("{{ }}{% echo %}{{ '' }}.", "."),
    ]);
}

#[test]
fn empty_policy_shows_nothing() {
    let source = "a{{ nope }}b{{ nope | upcase }}c{{ contact.none | append: 'd' }}";
    let limits = RenderLimits::default();
    let got = run_with(source, &data(), MissingPolicy::Empty, &limits);
    assert_eq!(got.as_deref(), Ok("abcd"));
}

#[test]
fn the_message_tells_what_to_do() {
    let error = run("Hi {{ contact.nope }}").unwrap_err().to_string();
    assert_eq!(
        error,
        "line 1, column 7: contact.nope has no value here; give it one with `| default: '...'` or \
         ask for it with `if`"
    );
}
