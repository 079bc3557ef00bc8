//! The .proto files, the code generated from them, and conversions to and from the domain types.
