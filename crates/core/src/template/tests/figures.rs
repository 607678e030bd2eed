//! `money`, `number` and `number_with_delimiter`.

use super::*;

#[test]
fn money() {
    check(&[
        ("{{ 1234.5 | money: 'USD' }}", "$1,234.50"),
        ("{{ '1234.5' | money: 'usd' }}", "$1,234.50"),
        ("{{ 1234567 | money: 'USD' }}", "$1,234,567.00"),
        ("{{ -1234.5 | money: 'USD' }}", "-$1,234.50"),
        ("{{ -0.001 | money: 'USD' }}", "$0.00"),
        ("{{ 0.005 | money: 'USD' }}", "$0.01"),
        ("{{ 1.005 | money: 'USD' }}", "$1.01"),
        ("{{ 999.995 | money: 'USD' }}", "$1,000.00"),
        ("{{ 1234.5 | money: 'EUR', 'de' }}", "1.234,50 €"),
        ("{{ 1234.5 | money: 'EUR', locale: 'de-AT' }}", "1.234,50 €"),
        ("{{ 1234.5 | money: 'EUR', 'fr_FR' }}", "1 234,50 €"),
        ("{{ 1234.5 | money: 'EUR', 'es' }}", "1.234,50 €"),
        ("{{ 1234.5 | money: 'EUR' }}", "€1,234.50"),
        ("{{ 1234.5 | money: 'CHF', 'de-CH' }}", "CHF 1'234.50"),
        ("{{ 1234.5 | money: 'BRL', 'pt-BR' }}", "R$1.234,50"),
        ("{{ 1234.5 | money: 'GBP' }}", "£1,234.50"),
        ("{{ 1234.5 | money: 'JPY' }}", "¥1,235"),
        ("{{ 1234.5678 | money: 'KWD' }}", "KWD 1,234.568"),
        ("{{ 12345678.5 | money: 'INR', 'en-IN' }}", "INR 1,23,45,678.50"),
        ("{{ nope | money: 'USD' | default: 'free' }}", "free"),
        ("{{ event.items[0].price | money: 'EUR', 'de' }}", "4,20 €"),
    ]);
}

#[test]
fn numbers() {
    check(&[
        ("{{ 1234567.891 | number: 1 }}", "1,234,567.9"),
        ("{{ 1234567.891 | number }}", "1,234,568"),
        ("{{ 1234567.5 | number: 2, 'de' }}", "1.234.567,50"),
        ("{{ 1234567 | number: 0, 'fr' }}", "1 234 567"),
        ("{{ 999 | number }} {{ 1000 | number }} {{ -1000 | number }}", "999 1,000 -1,000"),
        ("{{ 1234567.5 | number_with_delimiter }}", "1,234,567.5"),
        ("{{ '-1234567' | number_with_delimiter: ' ' }}", "-1 234 567"),
        ("{{ 12 | number_with_delimiter }}", "12"),
    ]);
}

#[test]
fn what_is_no_number_is_refused() {
    for source in [
        "{{ 'abc' | money: 'USD' }}",
        "{{ '12 EUR' | money: 'USD' }}",
        "{{ contact.tags | number }}",
        "{{ 1 | money: 'dollars' }}",
        "{{ 1 | money: '$' }}",
        "{{ 1 | number: 99 }}",
        "{{ 1 | number: -1 }}",
        "{{ 1 | number: 'x' }}",
    ] {
        let result = run(source);
        assert!(matches!(result, Err(RenderError::Filter { .. })), "{source}: {result:?}");
    }
}

#[test]
fn every_text_of_money_is_gsm7() {
    for currency in ["USD", "EUR", "GBP", "JPY", "INR", "PLN", "CZK", "BRL", "CHF", "KWD", "ILS"] {
        for locale in ["en", "de", "fr", "de-CH", "en-IN", "pt-BR", "sv", "xx"] {
            let text = run(&format!("{{{{ -1234567.5 | money: '{currency}', '{locale}' }}}}"));
            let text = text.unwrap();
            let fits = |c: char| c.is_ascii() || "€£¥".contains(c);
            assert!(text.chars().all(fits), "{currency} {locale}: {text}");
        }
    }
}
