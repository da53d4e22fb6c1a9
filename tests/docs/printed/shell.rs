//! Shell text as its commands.

/// A command: the variables that are set for it, and its words without their quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) variables: Vec<(String, String)>,
    pub(super) words: Vec<String>,
}

/// The commands of a block. `|`, `&&` and substitutions are not read: the documentation has none of them but `eval`.
pub(super) fn lines(text: &str) -> Vec<Line> {
    text.replace("\\\n", " ").lines().map(words).filter(|words| !words.is_empty()).map(line).collect()
}

fn line(mut words: Vec<String>) -> Line {
    let exports = words.first().is_some_and(|word| word == "export");
    if exports {
        words.remove(0);
    }
    let assigned = words.iter().take_while(|word| assignment(word).is_some()).count();
    let variables = words.drain(..assigned).filter_map(|word| assignment(&word)).collect();
    Line { variables, words }
}

fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_');
    is_name.then(|| (name.to_owned(), value.to_owned()))
}

fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[test]
fn commands_are_read_as_a_shell_does() {
    let read = lines("# nothing\nA=1 B='x y' program --to \"a # b\" \\\n    'c'   # said\nexport C=2\n");
    let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    assert_eq!(
        read[0],
        Line { variables: pairs(&[("A", "1"), ("B", "x y")]), words: text(&["program", "--to", "a # b", "c"]) }
    );
    assert_eq!(read[1], Line { variables: pairs(&[("C", "2")]), words: Vec::new() });
}
