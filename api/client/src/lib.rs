//! Channels to a cluster: mTLS connector, retry, leader redirect, watch streams that resume.
