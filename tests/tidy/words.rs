//! Habits of language that make a text slow to read, counted.

use std::path::{Path, PathBuf};

/// The limit for words of [`VAGUE`] among 1,000 words of comments.
const MOST_IN_COMMENTS: f64 = 3.0;
/// The same for the pages.
const MOST_IN_PAGES: f64 = 1.5;
/// The limit for blocks that begin with one of [`QUESTIONS`], among 100 blocks of comments.
const MOST_OPENINGS: f64 = 5.0;

/// Words that stand where a noun of the glossary could.
const VAGUE: [&str; 3] = ["what", "whoever", "whatever"];
const QUESTIONS: [&str; 9] = ["What", "How", "Whether", "Where", "Of", "Which", "Who", "Whatever", "Whoever"];

/// Blocks of words.
struct Text {
    /// The file, for a message.
    file: PathBuf,
    blocks: Vec<Vec<String>>,
}

/// The words of a text; a quoted name counts as one word.
fn words(text: &str) -> Vec<String> {
    let unquoted: String =
        text.split('`').enumerate().map(|(number, part)| if number % 2 == 0 { part } else { "x" }).collect();
    let is_of_a_word = |letter: char| letter.is_ascii_alphabetic() || letter == '\'';
    unquoted.split(|letter| !is_of_a_word(letter)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The comments of a source file. A block ends with an empty line of comment, or with code.
fn comments(path: &Path) -> Text {
    let mut blocks = Vec::new();
    let (mut block, mut kind) = (String::new(), "");
    for line in crate::read(path).lines() {
        let line = line.trim_start();
        let found = ["///", "//!", "//"].into_iter().find(|kind| line.starts_with(kind)).unwrap_or_default();
        let text = line[found.len()..].trim();
        if found != kind || text.is_empty() {
            blocks.push(std::mem::take(&mut block));
            kind = found;
        }
        if !found.is_empty() {
            block.push_str(text);
            block.push(' ');
        }
    }
    blocks.push(block);
    let blocks = blocks.iter().map(|block| words(block)).filter(|words| !words.is_empty()).collect();
    Text { file: path.to_owned(), blocks }
}

/// A page without its blocks of code.
fn prose(path: &Path) -> Text {
    let text = crate::read(path);
    let outside = text.split("```").step_by(2).collect::<Vec<_>>().join(" ");
    Text { file: path.to_owned(), blocks: vec![words(&outside)] }
}

fn all_comments() -> Vec<Text> {
    let is_output = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "ui");
    crate::files(&crate::root(), "rs").iter().filter(|path| !is_output(path)).map(|path| comments(path)).collect()
}

fn vague(text: &Text) -> usize {
    let is_vague = |word: &&String| VAGUE.contains(&word.to_lowercase().as_str());
    text.blocks.iter().flatten().filter(is_vague).count()
}

fn openings(text: &Text) -> usize {
    text.blocks.iter().filter(|block| QUESTIONS.contains(&block[0].as_str())).count()
}

fn assert_share(texts: &[Text], count: fn(&Text) -> usize, of: usize, most: f64, per: f64, habit: &str) {
    let found: usize = texts.iter().map(count).sum();
    let number = |count: usize| f64::from(u32::try_from(count).expect("a small number"));
    let share = number(found) * per / number(of);
    println!("{habit}: {share:.2} of {per} ({found} of {of})");
    let mut worst: Vec<(usize, String)> = texts
        .iter()
        .map(|text| (count(text), text.file.strip_prefix(crate::root()).unwrap_or(&text.file).display().to_string()))
        .collect();
    worst.sort_unstable_by(|a, b| b.cmp(a));
    worst.truncate(10);
    assert!(share < most, "{habit}: {share:.2} of {per}, and {most} are too many; the most are in {worst:#?}");
}

fn count_words(texts: &[Text]) -> usize {
    texts.iter().flat_map(|text| &text.blocks).map(Vec::len).sum()
}

#[test]
fn comments_name_their_subjects() {
    let texts = all_comments();
    assert_share(&texts, vague, count_words(&texts), MOST_IN_COMMENTS, 1000.0, "vague words in comments");
}

#[test]
fn comments_begin_with_their_subjects() {
    let texts = all_comments();
    let blocks = texts.iter().map(|text| text.blocks.len()).sum();
    assert_share(&texts, openings, blocks, MOST_OPENINGS, 100.0, "blocks that begin with a question");
}

#[test]
fn pages_name_their_subjects() {
    let texts: Vec<Text> = crate::files(&crate::root(), "md").iter().map(|path| prose(path)).collect();
    assert_share(&texts, vague, count_words(&texts), MOST_IN_PAGES, 1000.0, "vague words in pages");
}
