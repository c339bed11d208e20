//! The generated code of `proto/bank/v1/*.proto`, the metadata keys that `bank.proto` describes, and the conversions
//! between the generated types and the vocabulary of `bank-types`.
//!
//! The comments of the `.proto` files say what each message means, in which unit, and which errors a call can end in.

pub mod metadata;

mod codec;
mod convert;

pub use convert::UnknownValue;

/// Package `bank.v1`: calls of customers ([`v1::bank_service_client`]), of operators ([`v1::operator_service_client`])
/// and between branches ([`v1::branch_service_client`]).
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod v1 {
    tonic::include_proto!("bank.v1");
}
