//! Values, names and keys of every kind come back as they were.

use jiff::Timestamp;
use marty_events::{
    inbox::{Claim, Delivery, Identity, Inbox, InboxDatabase},
    outbox::OutboxPool,
};
use sqlx::Pool;

use crate::database::{Fixture, TOPIC, again};

impl<DB: InboxDatabase> Fixture<DB>
where
    OutboxPool: for<'p> From<&'p Pool<DB>>,
{
    pub(crate) async fn keeps_values_and_names_as_they_are(self) {
        let inbox = self.inbox("Group with spaces ");
        let every_byte: Vec<u8> = (0..=255).collect();
        let huge = vec![("x-huge".to_owned(), vec![b'x'; 1_000_000]), ("x-bytes".to_owned(), every_byte.clone())];
        let records = [
            (Some(every_byte.clone()), every_byte[..255].to_vec(), Some(every_byte.clone()), huge),
            (None, b"a tombstone of no key".to_vec(), None, Vec::new()),
            (Some(vec![b'k'; 10_000]), vec![0; 255], Some(vec![0; 1_000_000]), vec![(String::new(), Vec::new())]),
        ];
        for (number, (key, ordering_key, value, headers)) in (0..).zip(records) {
            let delivery = Delivery {
                topic: TOPIC.into(),
                partition: i32::MAX,
                offset: i64::MAX - number,
                key,
                headers,
                value,
                timestamp: Some(Timestamp::from_millisecond(1_764_000_000_123).expect("a time")),
                attempt: 2,
            };
            let identity = Identity { event_id: format!("{number}"), key: ordering_key };
            self.parked(&inbox, &(delivery.clone(), identity.clone()), Some(&again())).await;
            let (mut transaction, parked) = self.due(&inbox).await.expect("an event");
            assert_eq!(parked.identity, identity);
            assert!(format!("{:?}", parked.delivery) == format!("{delivery:?}"), "record {number} has changed");
            inbox.unpark(&mut transaction, parked.id).await.expect("it leaves");
            transaction.commit().await.expect("the commit");
        }

        // Ids differ by case, by spaces at the end, by accents, by a byte of zero, and by the forms of a letter.
        let longest = "x".repeat(255);
        let ids = [
            "id",
            "ID",
            "id ",
            "id  ",
            " id",
            "id\t",
            "",
            " ",
            "íd",
            "i\u{301}d",
            "\u{ed}d\0",
            "id\0",
            "id\\0",
            "id\\",
            "'",
            "\"",
            "`; DROP TABLE event_inbox",
            "{parked}",
            "{now}",
            "😀",
            &longest,
        ];
        let groups = ["g", "G", "g "];
        for group in groups {
            let inbox = self.inbox(group);
            for id in ids {
                let event = (
                    Delivery { topic: TOPIC.into(), ..Delivery::default() },
                    Identity { event_id: id.to_owned(), key: id.as_bytes().to_vec() },
                );
                assert_eq!(self.claimed(&inbox, &event).await, Claim::Taken, "{group:?} {id:?}");
                assert_eq!(self.claimed(&inbox, &event).await, Claim::Duplicate, "{group:?} {id:?}");
            }
        }
        let inbox = self.inbox("every id");
        for id in ids {
            let event = (
                Delivery { topic: TOPIC.into(), ..Delivery::default() },
                Identity { event_id: id.to_owned(), key: id.as_bytes().to_vec() },
            );
            self.parked(&inbox, &event, Some(&again())).await;
        }
        let keys = self.repository.parked_keys("every id", 100).await.expect("the keys");
        assert_eq!(keys.len(), ids.len(), "keys are as different as ids");
        let mut found = Vec::new();
        while let Some(id) = self.handled(&inbox).await {
            found.push(id);
        }
        found.sort_unstable();
        let mut expected = ids.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected);
        let names: Vec<_> =
            self.repository.groups().await.expect("the groups").into_iter().map(|it| it.group).collect();
        assert!(groups.iter().all(|group| names.iter().any(|name| name == group)), "{names:?}");
    }
}
