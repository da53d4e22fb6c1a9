//! The path of `crate = path`, by which generated code finds the library.

use quote::quote;
use syn::Path;

/// A mistake if the path would mean another thing at another place.
pub(crate) fn check(path: &Path) -> syn::Result<()> {
    let first = path.segments.first().map(|segment| segment.ident.to_string());
    let is_absolute = path.leading_colon.is_some() || matches!(first.as_deref(), Some("crate" | "$crate"));
    if is_absolute {
        return Ok(());
    }
    let text = quote!(#path).to_string().replace(' ', "");
    Err(syn::Error::new_spanned(path, format!("`{text}` is not an absolute path; write `::{text}` or `crate::{text}`")))
}
