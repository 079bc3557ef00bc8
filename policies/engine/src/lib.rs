//! decide(&Request, &Bundle) -> Decision on Cedar; an evaluation error is Deny.
