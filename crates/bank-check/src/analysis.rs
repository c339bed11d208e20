//! The evidence that several guarantees are judged from: sessions and writes, journals, the checker's own replay. It judges nothing itself.

pub(crate) mod describe;
pub(crate) mod index;
pub(crate) mod journals;
pub(crate) mod replay;
pub(crate) mod request_id;
pub(crate) mod verdict_builder;
