//! Names: as the user reads them, and as the compiler takes them.

use proc_macro2::Span;
use syn::{Ident, ext::IdentExt, parse::Parser};

/// The name as the user reads it: without `r#`.
pub(crate) fn plain(name: &Ident) -> String {
    name.unraw().to_string()
}

/// The name of a field or a method. A keyword is meant as `r#..`.
pub(crate) fn identifier(name: &str) -> Option<Ident> {
    if let Ok(name) = syn::parse_str::<Ident>(name) {
        return Some(name);
    }
    let keyword = Ident::parse_any.parse_str(name).ok()?;
    // These four cannot be raw, `_` is not a name, and `.await` leaves the method.
    let has_no_raw_form = ["self", "Self", "super", "crate", "_", "await"].iter().any(|word| keyword == *word);
    (!has_no_raw_form).then(|| Ident::new_raw(name, Span::call_site()))
}
