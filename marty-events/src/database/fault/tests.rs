use super::Fault;

#[test]
fn a_failure_without_a_code_is_an_outage_where_the_connection_is_lost() {
    let lost = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
    for error in [lost, sqlx::Error::PoolTimedOut, sqlx::Error::WorkerCrashed] {
        assert!(Fault::of(&error).is_passing(), "{error}");
    }
    for error in [
        sqlx::Error::Protocol("misused".into()),
        sqlx::Error::ColumnNotFound("seq".into()),
        sqlx::Error::Decode("no number".into()),
    ] {
        assert_eq!(Fault::of(&error), Fault::Refused, "{error}");
    }
    for error in [sqlx::Error::Configuration("no URL".into()), sqlx::Error::PoolClosed] {
        assert_eq!(Fault::of(&error), Fault::NotAdmitted, "{error}");
    }
}

#[cfg(feature = "postgres")]
#[test]
fn every_class_of_postgresql_has_its_meaning() {
    let of = |code: &str| super::postgres::fault(code, Some("routine"), "");
    for (fault, codes) in [
        (Fault::Missing, "42P01 42703 3F000"),
        (Fault::Forbidden, "42501"),
        (Fault::ReadOnly, "25006"),
        (Fault::Pooled, "26000 42P05"),
        (Fault::Conflict, "40001 40P01"),
        (Fault::Locked, "55P03 55006"),
        (
            Fault::Outage,
            "08000 08003 08006 08001 08004 08007 53000 53100 53200 53300 57000 57014 57P01 57P02 57P03 57P05",
        ),
        (Fault::Outage, "58000 58030 58P01 25P03 25P04 40000 40003"),
        // Values, constraints, states, rights to log in, what is not there, syntax, limits, raised by a trigger, internal.
        (Fault::Refused, "22001 22003 22021 22P02 22P05 23502 23503 23505 23514 25001 25P01 25P02 2D000"),
        (Fault::NotAdmitted, "28000 28P01 3D000"),
        (Fault::Refused, "0A000 08P01 21000 40002 42601 42804 42883 53400 54000 54001 55000 57P04 P0001 XX000"),
    ] {
        for code in codes.split(' ') {
            assert_eq!(of(code), fault, "{code}");
        }
    }
    assert_eq!(super::postgres::fault("42501", Some("ExecWithCheckOptions"), ""), Fault::Hidden);
    let pooler = |message| super::postgres::fault("08P01", None, message);
    assert_eq!(pooler("query_wait_timeout"), Fault::Outage);
    assert_eq!(pooler("unsupported startup parameter: extra_float_digits"), Fault::NotAdmitted);
    assert_eq!(pooler("prepared statement did not exist"), Fault::Pooled);
}

#[cfg(feature = "mysql")]
#[test]
fn every_number_of_mysql_has_its_meaning() {
    for (fault, numbers) in [
        (Fault::Missing, &[1146, 1054][..]),
        (Fault::Forbidden, &[1044, 1142, 1143, 1227]),
        (Fault::ReadOnly, &[1290, 1792, 1836, 1874]),
        (Fault::Conflict, &[1213, 1020, 1412]),
        (Fault::Locked, &[1205, 3572]),
        (Fault::Outage, &[1040, 1047, 1053, 1158, 1160, 1161, 1203, 1317, 1927, 1969, 3024]),
        // A packet too large and packets out of order have the state of a lost connection, 08S01.
        (Fault::Refused, &[1153, 1156, 1157, 1835]),
        (Fault::NotAdmitted, &[1045, 1049, 1130, 1251]),
        (Fault::Refused, &[1062, 1064, 1176, 1264, 1292, 1366, 1406, 1451, 1690, 4025]),
    ] {
        for number in numbers {
            assert_eq!(super::mysql::fault(*number), fault, "{number}");
        }
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn every_code_of_sqlite_has_its_meaning() {
    for (fault, codes) in [
        (Fault::Forbidden, &[3, 23][..]),
        (Fault::Locked, &[5, 6, 261, 517, 262]),
        (Fault::ReadOnly, &[8, 264, 1032]),
        (Fault::Conflict, &[17]),
        (Fault::Outage, &[4, 7, 9, 10, 266, 13, 14, 15]),
        (Fault::Refused, &[1, 2, 11, 12, 18, 19, 275, 1299, 2067, 20, 21, 22, 24, 25, 26]),
    ] {
        for code in codes {
            assert_eq!(super::sqlite::fault(*code, ""), fault, "{code}");
        }
    }
    assert_eq!(super::sqlite::fault(1, "no such table: event_outbox"), Fault::Missing);
    assert_eq!(super::sqlite::fault(1, "no such column: mark"), Fault::Missing);
}
