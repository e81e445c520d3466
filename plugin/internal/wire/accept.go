package wire

import "github.com/miekg/dns"

// Accept returns a dns.MsgAcceptFunc for servers that themselves answer an opcode that they do not implement: a
// reply to what a dns.Server rejects has no OPT, but the answer to a message with one must have it (RFC 6891,
// section 6.1.1). It accepts messages with one question and no more records than a query may have. The server's own
// function, nil for the default, judges the rest.
func Accept(own dns.MsgAcceptFunc) dns.MsgAcceptFunc {
	if own == nil {
		own = dns.DefaultMsgAcceptFunc
	}
	return func(h dns.Header) dns.MsgAcceptAction {
		action := own(h)
		if action != dns.MsgRejectNotImplemented {
			return action
		}
		const opcode = 0xF << 11
		h.Bits &^= opcode
		if dns.DefaultMsgAcceptFunc(h) != dns.MsgAccept {
			return action
		}
		return dns.MsgAccept
	}
}
