use std::fmt;

use serde::Serialize;

use super::letters::{Contents, Letter, Letters, no_such};
use crate::{
    exit::Exit,
    failure::Result,
    output::Output,
    payload::Payload,
    plain::{self, plain},
};

#[derive(Serialize)]
struct Whole<L> {
    #[serde(flatten)]
    letter: L,
    #[serde(flatten)]
    contents: Option<Contents>,
}

pub(super) async fn run(id: &str, payload: bool, letters: &impl Letters, output: Output) -> Result<Exit> {
    let letter = letters.find(&letters.id(id)?, payload).await?.ok_or_else(|| no_such(id))?;
    let contents = payload.then(|| letter.contents());
    output.answer(&Whole { letter, contents })?;
    Ok(Exit::Done)
}

impl<L: Letter> fmt::Display for Whole<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.letter.fields(f)?;
        let contents = self.contents.as_ref().filter(|_| !self.letter.is_redacted());
        let Some(Contents { headers, payload }) = contents else { return Ok(()) };
        for (name, value) in headers {
            writeln!(f, "header     {}: {}", plain(name), plain(value))?;
        }
        match payload {
            Payload::Text(text) => writeln!(f, "\n{}", plain(text)),
            json @ Payload::Json(_) => writeln!(f, "\n{}", plain::json(&json.indented().unwrap_or_default())),
        }
    }
}
