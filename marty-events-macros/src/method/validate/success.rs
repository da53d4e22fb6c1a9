//! Rules about `success`, which decides if a call that returned a value has succeeded.

use syn::spanned::Spanned;

use super::scope::{Scope, not_an_argument};
use crate::{
    method::model::{Field, When},
    syntax::{args::Args, expression::names, mistakes::Mistakes},
};

pub(super) fn success(args: &Args, scope: &Scope<'_>, mistakes: &mut Mistakes) -> Option<Field> {
    let value = args.value("success")?;
    let Some(result) = names(value, "result") else {
        let message = "`success` says by `result`, the value that the method returned, whether the call succeeded, and this does \
                       not name it; write for example `success = result.is_some()`";
        mistakes.push(syn::Error::new(value.span(), message));
        return None;
    };
    mistakes.ok(not_an_argument("result", result.span(), scope));
    let is_argument = scope.bindings.iter().any(|binding| binding.name == "error");
    if let Some(error) = names(value, "error").filter(|_| !is_argument) {
        let message = "`success` is asked where there is a `result`, and a call that returns an `error` has failed already; \
                       name `result` alone";
        mistakes.push(syn::Error::new(error.span(), message));
    }
    Some(Field {
        name: "success".to_owned(),
        value: value.clone(),
        span: value.span(),
        when: When::Success(Some(result)),
    })
}
