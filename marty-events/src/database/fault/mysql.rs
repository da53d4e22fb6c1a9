//! MySQL, "Server Error Message Reference"; MariaDB, "Error Codes". The numbers say more than the SQL states: 1153 is a packet that is too
//! large, and has the state of a lost connection.

use super::Fault;

pub(crate) fn fault(number: u16) -> Fault {
    match number {
        // ER_NO_SUCH_TABLE, ER_BAD_FIELD_ERROR
        1146 | 1054 => Fault::Missing,
        // ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR
        1044 | 1142 | 1143 | 1227 => Fault::Forbidden,
        // ER_OPTION_PREVENTS_STATEMENT (`read_only`), ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, ER_READ_ONLY_MODE, ER_INNODB_READ_ONLY
        1290 | 1792 | 1836 | 1874 => Fault::ReadOnly,
        // ER_LOCK_DEADLOCK, ER_CHECKREAD, ER_TABLE_DEF_CHANGED, ER_XA_RBDEADLOCK, ER_TRANSACTION_ROLLBACK_DURING_COMMIT
        1213 | 1020 | 1412 | 1614 | 3101 => Fault::Conflict,
        // ER_LOCK_WAIT_TIMEOUT, ER_LOCK_NOWAIT, ER_XA_RBTIMEOUT
        1205 | 3572 | 1613 => Fault::Locked,
        // ER_ACCESS_DENIED_ERROR, ER_BAD_DB_ERROR, ER_HOST_IS_BLOCKED, ER_HOST_NOT_PRIVILEGED, ER_NOT_SUPPORTED_AUTH_MODE
        1045 | 1049 | 1129 | 1130 | 1251 => Fault::NotAdmitted,
        // ER_UNKNOWN_STMT_HANDLER
        1243 => Fault::Pooled,
        // ER_DISK_FULL, ER_GET_ERRNO, ER_OUTOFMEMORY, ER_OUT_OF_SORTMEMORY, ER_CON_COUNT_ERROR, ER_OUT_OF_RESOURCES,
        // ER_UNKNOWN_COM_ERROR (a Galera node that is not ready), ER_SERVER_SHUTDOWN, ER_NORMAL_SHUTDOWN, ER_SHUTDOWN_COMPLETE,
        // ER_FORCING_CLOSE, ER_RECORD_FILE_FULL, ER_ABORTING_CONNECTION, ER_NET_READ_ERROR_FROM_PIPE, ER_NET_READ_ERROR,
        // ER_NET_READ_INTERRUPTED, ER_NET_ERROR_ON_WRITE, ER_NET_WRITE_INTERRUPTED, ER_ERROR_DURING_COMMIT,
        // ER_NEW_ABORTING_CONNECTION, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED, ER_QUERY_INTERRUPTED,
        // ER_TOO_MANY_CONCURRENT_TRXS, ER_CONNECTION_KILLED, ER_STATEMENT_TIMEOUT, ER_QUERY_TIMEOUT,
        // ER_RUN_HOOK_ERROR, ER_CLIENT_INTERACTION_TIMEOUT
        1021
        | 1030
        | 1037
        | 1038
        | 1040
        | 1041
        | 1047
        | 1053
        | 1077
        | 1079
        | 1080
        | 1114
        | 1152
        | 1154
        | 1158..=1161
        | 1180
        | 1184
        | 1203
        | 1226
        | 1317
        | 1637
        | 1927
        | 1969
        | 3024
        | 3100
        | 4031 => Fault::Outage,
        _ => Fault::Refused,
    }
}
