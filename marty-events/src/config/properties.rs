//! The producer properties of librdkafka that are refused, with the reasons (librdkafka, CONFIGURATION.md).

/// Second names of a property, each with the name that counts here.
const SECOND_NAMES: [(&str, &str); 10] = [
    ("metadata.broker.list", "bootstrap.servers"),
    ("max.in.flight.requests.per.connection", "max.in.flight"),
    ("sasl.mechanisms", "sasl.mechanism"),
    ("sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"),
    ("sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("message.send.max.retries", "retries"),
    ("compression.codec", "compression.type"),
    ("request.required.acks", "acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
];

/// Properties with a variable of their own.
const OWN: [(&str, &str); 7] = [
    ("bootstrap.servers", "KAFKA_BROKERS"),
    ("security.protocol", "KAFKA_SECURITY_PROTOCOL"),
    ("sasl.mechanism", "KAFKA_SASL_MECHANISM"),
    ("sasl.username", "KAFKA_SASL_USERNAME"),
    ("sasl.password", "KAFKA_SASL_PASSWORD"),
    ("ssl.ca.location", "KAFKA_SSL_CA_LOCATION"),
    ("client.id", "SERVICE_NAME"),
];

const WEAKENS: &str = "it would let acknowledged events be lost, doubled or reordered";

/// A property that breaks a promise of the library, unless its value is accepted.
struct Rule {
    property: &'static str,
    accepts: Accepts,
    problem: &'static str,
    cure: &'static str,
}

enum Accepts {
    Nothing,
    Only(&'static [&'static str]),
    AtMost(i64),
    AtLeast(i64),
}

const RULES: [Rule; 15] = [
    Rule { property: "acks", accepts: Accepts::Only(&["-1", "all"]), problem: WEAKENS, cure: "leave it at all" },
    Rule {
        property: "enable.idempotence",
        accepts: Accepts::Only(&["true"]),
        problem: WEAKENS,
        cure: "leave it at true",
    },
    Rule {
        property: "max.in.flight",
        accepts: Accepts::AtMost(5),
        problem: WEAKENS,
        cure: "5 is the most that keeps the order",
    },
    Rule { property: "retries", accepts: Accepts::AtLeast(1), problem: WEAKENS, cure: "leave it at its default" },
    Rule {
        property: "queuing.strategy",
        accepts: Accepts::Only(&["fifo"]),
        problem: WEAKENS,
        cure: "leave it at fifo",
    },
    Rule {
        property: "partitioner",
        accepts: Accepts::Only(&[
            "murmur2_random",
            "murmur2",
            "consistent_random",
            "consistent",
            "fnv1a_random",
            "fnv1a",
        ]),
        problem: "it would spread the events of one key over all partitions, in no order",
        cure: "leave it at murmur2_random",
    },
    Rule {
        property: "delivery.report.only.error",
        accepts: Accepts::Only(&["false"]),
        problem: "the library would never hear that an event was delivered",
        cure: "leave it at false",
    },
    Rule {
        property: "transactional.id",
        accepts: Accepts::Nothing,
        problem: "the library uses no Kafka transactions, so nothing would be delivered",
        cure: "leave it out",
    },
    Rule {
        property: "transaction.timeout.ms",
        accepts: Accepts::Nothing,
        problem: "the library uses no Kafka transactions",
        cure: "leave it out",
    },
    Rule {
        property: "enable.gapless.guarantee",
        accepts: Accepts::Only(&["false"]),
        problem: "one refused event would stop the producer for all others",
        cure: "leave it at false",
    },
    Rule {
        property: "message.timeout.ms",
        accepts: Accepts::AtLeast(1),
        problem: "0 is not a limit, so `publish` would wait as long as the brokers are away",
        cure: "write a number of milliseconds; the relay has no limit anyway",
    },
    Rule {
        property: "plugin.library.paths",
        accepts: Accepts::Nothing,
        problem: "a plugin could change or withhold every event",
        cure: "leave it out",
    },
    Rule {
        property: "topic.blacklist",
        accepts: Accepts::Nothing,
        problem: "the client would take these topics for missing, and refuse their events",
        cure: "leave it out",
    },
    Rule {
        property: "api.version.request",
        accepts: Accepts::Only(&["true"]),
        problem: "without it the client has no idempotent producer",
        cure: "leave it at true",
    },
    Rule {
        property: "internal.termination.signal",
        accepts: Accepts::Only(&["0"]),
        problem: "the client would take a signal over from the program",
        cure: "leave it out",
    },
];

/// Properties of consumers alone, which a producer would ignore.
const OF_CONSUMERS: [&str; 29] = [
    "group.id",
    "group.instance.id",
    "partition.assignment.strategy",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "group.protocol.type",
    "group.protocol",
    "group.remote.assignor",
    "coordinator.query.interval.ms",
    "max.poll.interval.ms",
    "enable.auto.commit",
    "auto.commit.enable",
    "auto.commit.interval.ms",
    "enable.auto.offset.store",
    "queued.min.messages",
    "queued.max.messages.kbytes",
    "fetch.wait.max.ms",
    "fetch.queue.backoff.ms",
    "fetch.message.max.bytes",
    "max.partition.fetch.bytes",
    "fetch.max.bytes",
    "fetch.min.bytes",
    "fetch.error.backoff.ms",
    "offset.store.method",
    "offset.store.path",
    "isolation.level",
    "enable.partition.eof",
    "check.crcs",
    "auto.offset.reset",
];

/// The one name of a property: librdkafka applies two names in the order of a hash map.
pub(super) fn one_name(property: String) -> String {
    let known = SECOND_NAMES.into_iter().find(|(second, _)| *second == property);
    known.map_or(property, |(_, name)| name.to_owned())
}

/// The problem of a property with this value, as the client reads it, and the cure.
pub(super) fn refusal(property: &str, value: &str) -> Option<(String, String)> {
    if let Some((_, own)) = OWN.iter().find(|(name, _)| *name == property) {
        return Some((format!("`{property}` has a variable of its own"), format!("set {own}")));
    }
    let (problem, cure) = if property.starts_with("test.") {
        ("it would put a simulated broker in the place of the brokers", "set KAFKA_BROKERS=embedded")
    } else if OF_CONSUMERS.contains(&property) {
        ("it is a property of consumers, and has no effect here", "leave it out")
    } else {
        let rule = RULES.iter().find(|rule| rule.property == property && !rule.accepts.takes(value))?;
        (rule.problem, rule.cure)
    };
    Some((problem.to_owned(), cure.to_owned()))
}

impl Accepts {
    fn takes(&self, value: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Only(values) => values.contains(&value),
            Self::AtMost(most) => value.parse().is_ok_and(|number: i64| number <= *most),
            Self::AtLeast(least) => value.parse().is_ok_and(|number: i64| *least <= number),
        }
    }
}
