//! The generated code of `proto/bank/v1/*.proto`, and the metadata keys that `bank.proto` describes. The comments of the
//! `.proto` files say what each message means, in which unit, and which errors a call can end in.

pub mod metadata;

/// Package `bank.v1`: customers ([`v1::bank_service_client`]), operators ([`v1::operator_service_client`]) and branch
/// to branch ([`v1::branch_service_client`]).
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod v1 {
    tonic::include_proto!("bank.v1");
}
