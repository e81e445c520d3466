package secondary

// newer reports whether the serial a comes after b (RFC 1982, section 3.2). For two that are 2^31 apart the RFC
// defines nothing: neither is newer.
func newer(a, b uint32) bool { return int32(a-b) > 0 }
