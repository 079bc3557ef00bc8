//! Code generated from the .proto files, nested as their packages are: generated paths are relative to that nesting.

/// `holdfast`.
pub(crate) mod holdfast {
    /// `holdfast.v1`: the public API.
    #[expect(
        missing_docs,
        unused_qualifications,
        clippy::all,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    pub mod v1 {
        tonic::include_proto!("holdfast.v1");
    }

    /// `holdfast.internal`.
    pub(crate) mod internal {
        /// `holdfast.internal.v1`: between our own processes.
        #[expect(
            missing_docs,
            unused_qualifications,
            clippy::allow_attributes,
            clippy::allow_attributes_without_reason,
            reason = "generated code"
        )]
        pub mod v1 {
            tonic::include_proto!("holdfast.internal.v1");
        }
    }

    /// `holdfast.store`.
    pub(crate) mod store {
        /// `holdfast.store.v1`: what is stored.
        #[expect(missing_docs, clippy::all, reason = "generated code")]
        pub mod v1 {
            tonic::include_proto!("holdfast.store.v1");
        }
    }
}
