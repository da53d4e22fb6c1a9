//! Near misses: "did you mean".

/// `; did you mean ..?` if one of `known` is near, else all of them behind `heading`.
pub(crate) fn suggestion<'a>(given: &str, known: impl IntoIterator<Item = &'a str>, heading: &str) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(given, known.iter().copied()) {
        Some(name) => format!("; did you mean `{name}`?"),
        None if known.is_empty() => String::new(),
        None => format!("; {heading}: {}", known.join(", ")),
    }
}

/// The one of `known` that was probably meant.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
