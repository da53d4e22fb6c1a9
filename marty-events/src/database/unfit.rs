//! The check that tables of PostgreSQL show and take every row, by its catalogue.

/// The tables of the list `$1` and the reasons why one cannot serve this user. A policy shows and takes everything where it says `true`; every right needs one, and no restrictive policy
/// may say anything else.
pub(crate) const UNFIT: &str = r#"
    SELECT tables.oid::regclass::text AS place, tables.is_table, tables.has_rule,
        row_security_active(tables.oid) AND EXISTS (
            SELECT FROM unnest('{r,a,w,d}'::"char"[]) AS needed (right_to), LATERAL (
                SELECT coalesce(bool_or(polpermissive AND is_open), false) AND bool_and(polpermissive OR is_open) AS is_open
                FROM pg_policy, LATERAL (
                    SELECT (right_to = 'a' OR coalesce(pg_get_expr(polqual, polrelid) = 'true', false))
                        AND (right_to IN ('r', 'd')
                            OR coalesce(pg_get_expr(coalesce(polwithcheck, polqual), polrelid) = 'true', false)) AS is_open
                ) AS policy
                WHERE polrelid = tables.oid AND polcmd IN ('*', right_to) AND EXISTS (
                    SELECT FROM unnest(polroles) AS role WHERE CASE WHEN role = 0 THEN true ELSE pg_has_role(role, 'USAGE') END)
            ) AS policies
            WHERE policies.is_open IS NOT TRUE
        ) AS is_hidden
    FROM (
        SELECT pg_class.oid, pg_class.relkind IN ('r', 'p') AS is_table, EXISTS (
            SELECT FROM pg_rewrite WHERE ev_class = pg_class.oid AND ev_type <> '1' AND ev_enabled <> 'D') AS has_rule
        FROM unnest($1::text[]) WITH ORDINALITY AS names (name, place) JOIN pg_class ON pg_class.oid = names.name::regclass
        ORDER BY names.place
    ) AS tables"#;
