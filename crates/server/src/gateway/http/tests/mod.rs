//! Tests of the HTTP gateways.
