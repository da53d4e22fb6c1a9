//! Words that become part of a Kafka topic's name.

use syn::LitStr;

/// Kafka's topic names are made of `a-zA-Z0-9._-`, 249 at the most.
pub(crate) fn topic_part(key: &str, text: &LitStr) -> syn::Result<()> {
    let value = text.value();
    let refuse = |problem: String| {
        Err(syn::Error::new(text.span(), format!("`{key}` is part of a Kafka topic's name, and {problem}")))
    };
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    if value.is_empty() {
        return refuse("it is empty; write for example \"user\"".to_owned());
    }
    if let Some(bad) = value.chars().find(|&letter| !is_letter(letter)) {
        return refuse(format!("`{bad}` cannot stand in one; write letters, digits, `.`, `_` or `-`"));
    }
    if 249 < value.len() {
        return refuse(format!("{} letters are too many; 249 are allowed for the whole name", value.len()));
    }
    Ok(())
}
