use quote::quote;
use syn::{Expr, parse_quote};

use super::names;

#[test]
fn a_variable_is_named() {
    let named: [Expr; 18] = [
        parse_quote!(error),
        parse_quote!(error.code()),
        parse_quote!(code(&error)),
        parse_quote!(Counts { error }),
        parse_quote!(Counts { failed: 1, ..error }),
        parse_quote!(json!({ "a": error })),
        parse_quote!(json!({ "error": error.code() })),
        parse_quote!(json!({ "a": Counts { failed: 1, ..error } })),
        parse_quote!(json!([0..error])),
        parse_quote!(format!("{error}")),
        parse_quote!(format!("{error:?}")),
        parse_quote!(vec![error == 1]),
        parse_quote!(json!({ "a": error == 1, "b": error != 1 })),
        parse_quote!(if let Some(error) = error { 1 } else { 2 }),
        parse_quote!(if let Some(error) = load() { 1 } else { error }),
        parse_quote!({
            let error = error.code();
            error
        }),
        parse_quote!(codes.map(|code| error.is(code))),
        parse_quote!(match code {
            error if false => 1,
            _ => error.code(),
        }),
    ];
    for expression in named {
        assert!(names(&expression, "error").is_some(), "{}", quote!(#expression));
    }
}

#[test]
fn another_thing_of_the_same_name_is_not_it() {
    let others: [Expr; 21] = [
        parse_quote!(report.error),
        parse_quote!(report.error()),
        parse_quote!(crate::error::label(name)),
        parse_quote!(error::label(name)),
        parse_quote!(<error as Label>::NAME),
        parse_quote!(error!(name)),
        parse_quote!(Counts { error: 0 }),
        parse_quote!(0 as error),
        parse_quote!(codes.map(|error| error.code())),
        parse_quote!(codes.map(|(error, _)| [error])),
        parse_quote!({
            let error = 1;
            error
        }),
        parse_quote!(match code {
            Some(error) if error.is_known() => error.code(),
            _ => 1,
        }),
        parse_quote!(if let Some(error) = code
            && error.is_known()
        {
            error.code()
        } else {
            1
        }),
        parse_quote!({
            for error in codes {
                log(error)
            }
        }),
        parse_quote!({
            while let Some(error) = next() {
                log(error)
            }
        }),
        parse_quote!("{error}"),
        parse_quote!(format!("{error}", error = name)),
        parse_quote!(format!("{{error}} {mistakes}")),
        parse_quote!(json!({ "error": crate::error::label(name), "b": report.error })),
        parse_quote!(json!({ "a": Counts { error: 0 }, "b": error!(1) })),
        parse_quote!(vec![codes.map(|error| error.code())]),
    ];
    for expression in others {
        assert!(names(&expression, "error").is_none(), "{}", quote!(#expression));
    }
}
