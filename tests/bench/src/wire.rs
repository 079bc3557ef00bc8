//! The generated interface: etcd's own messages, and the calls between our members.

#[expect(
    unused_qualifications,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
pub(crate) mod kv {
    tonic::include_proto!("etcdserverpb");
}
