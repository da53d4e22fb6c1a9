//! Rights in Kafka. The Kafka client that the tests have cannot give them, so the request is written here.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::wait;

/// The time that the broker may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// The numbers of the two requests.
const CREATE: u8 = 30;
const DELETE: u8 = 31;

/// A right of a user to a topic (`org.apache.kafka.common.acl.AclOperation`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Read its records, and see that it is there.
    Read = 3,
    /// Write records to it, and see that it is there.
    Write = 4,
    /// Make it.
    Create = 5,
}

/// Lets `user` do `operation` with every topic whose name begins with `prefix`.
///
/// # Panics
///
/// When the broker refuses.
pub fn allow(bootstrap: &str, user: &str, operation: Operation, prefix: &str) {
    change(CREATE, bootstrap, user, operation, prefix);
}

/// Takes the same right away again.
///
/// # Panics
///
/// When the broker refuses.
pub fn withdraw(bootstrap: &str, user: &str, operation: Operation, prefix: &str) {
    change(DELETE, bootstrap, user, operation, prefix);
}

/// Kafka's protocol guide, `CreateAcls` and `DeleteAcls` in version 1. A right and a filter for it have the same fields, and so do the
/// beginnings of both answers.
fn change(request_kind: u8, bootstrap: &str, user: &str, operation: Operation, prefix: &str) {
    let (topic, prefixed, allow) = (2, 4, 3);
    let mut request = vec![0, request_kind, 0, 1, 0, 0, 0, 1];
    text(&mut request, "tests");
    request.extend([0, 0, 0, 1, topic]);
    text(&mut request, prefix);
    request.push(prefixed);
    text(&mut request, &format!("User:{user}"));
    text(&mut request, "*");
    request.extend([operation as u8, allow]);

    let mut broker = TcpStream::connect(bootstrap).expect("the broker");
    broker.set_read_timeout(Some(wait::patient(ANSWER))).expect("a time limit");
    broker.write_all(&length(&request)).expect("the request is sent");
    broker.write_all(&request).expect("the request is sent");
    // Size, correlation, throttle time, how many results, and the first one's error.
    let mut answer = [0; 18];
    broker.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer[12..], [0, 0, 0, 1, 0, 0], "the broker refuses");
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("a short request").to_be_bytes()
}

fn text(request: &mut Vec<u8>, text: &str) {
    request.extend(u16::try_from(text.len()).expect("a short text").to_be_bytes());
    request.extend(text.as_bytes());
}
