//! The guide's reference of the keys against the macros.

use std::{fs, path::Path};

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::{
    method::attribute,
    syntax::{args::keys, kind::Kind},
};

/// The cells of each row of the table below `## Keys`.
fn rows() -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/attributes.md");
    let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows = page.lines().skip_while(|line| *line != "## Keys").skip_while(|line| !line.starts_with('|'));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn key(row: &[String]) -> &str {
    row[0].trim_matches('`')
}

/// The column of an attribute.
fn column(kind: Kind) -> usize {
    1 + Kind::ALL.into_iter().position(|other| other == kind).expect("each kind is among all")
}

#[test]
fn the_guide_has_every_key_of_every_attribute() {
    let rows = rows();
    for kind in Kind::ALL {
        let listed = |word: &'static str| {
            let of_kind = rows.iter().filter(move |row| row[column(kind)] == word).map(|row| key(row).to_owned());
            let mut found: Vec<String> = of_kind.collect();
            found.sort();
            found
        };
        let required = keys::required(kind).iter().map(|(key, _)| (*key).to_owned());
        let mut required: Vec<String> = required.collect();
        let mut optional: Vec<String> =
            keys::known(kind).filter(|known| !required.iter().any(|key| key == known)).map(str::to_owned).collect();
        required.sort();
        optional.sort();
        assert_eq!(listed("required"), required, "{}", kind.name());
        assert_eq!(listed("yes"), optional, "{}", kind.name());
    }
}

/// The words in quotes, if the cell is a list of nothing else.
fn words(cell: &str) -> Option<Vec<&str>> {
    cell.split(", ").map(|word| word.strip_prefix("`\"")?.strip_suffix("\"`")).collect()
}

/// The error of an attribute whose key has a word that nobody knows.
fn complaint(kind: Kind, key: &str) -> String {
    let key = Ident::new(key, Span::call_site());
    let given: TokenStream = keys::required(kind)
        .iter()
        .map(|(name, _)| Ident::new(name, Span::call_site()))
        .map(|name| if name == "event_type" { quote!(event_type = "x",) } else { quote!(#name = "id",) })
        .collect();
    attribute(
        kind,
        quote!(#given #key = "a word that nobody knows"),
        quote!(
            async fn change(id: u64) {}
        ),
    )
    .to_string()
}

#[test]
fn the_guide_has_every_word_that_a_key_takes() {
    let mut checked = 0;
    for row in rows() {
        let Some(words) = words(&row[5]) else { continue };
        let accepted = words.iter().map(|word| format!("\\\"{word}\\\"")).collect::<Vec<_>>().join(" or ");
        for kind in Kind::ALL.into_iter().filter(|kind| !row[column(*kind)].is_empty()) {
            let complaint = complaint(kind, key(&row));
            let expected = format!("`{}` cannot be \\\"a word that nobody knows\\\"; write {accepted}\"", key(&row));
            assert!(complaint.contains(&expected), "no `{expected}` in {complaint}");
            checked += 1;
        }
    }
    assert!(15 < checked, "{checked} keys take words");
}
