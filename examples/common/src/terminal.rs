use std::{
    fs::File,
    io::Read,
    process::{Command, Stdio},
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Runs `program` at a terminal, with these variables, and gives what it wrote there.
///
/// # Panics
///
/// When it does not end well.
#[must_use]
pub fn at_a_terminal(program: &str, variables: &[(&str, &str)]) -> String {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).expect("a terminal of our own");
    unlockpt(&master).expect("a terminal that can be opened");
    let name = ptsname(&master, Vec::new()).expect("its name").into_string().expect("in ASCII");
    let open = || Stdio::from(File::options().read(true).write(true).open(&name).expect("the terminal"));
    let mut command = Command::new(program);
    for foreign in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(foreign);
    }
    command.env("TERM", "xterm").envs(variables.iter().copied()).stdin(open()).stdout(open()).stderr(open());
    let mut child = command.spawn().expect("the program can be started");
    // While somebody holds the terminal's other end, reading does not end.
    drop(command);
    let (mut master, mut screen, mut bytes) = (File::from(master), Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = master.read(&mut bytes) {
        screen.extend_from_slice(&bytes[..read]);
    }
    let screen = String::from_utf8_lossy(&screen).into_owned();
    assert!(child.wait().expect("it ends").success(), "{screen}");
    screen
}
