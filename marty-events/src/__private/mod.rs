//! What generated code may name. No public interface: anything here changes without notice.
