//! Two or three nodes with a bus that the test carries by hand.
