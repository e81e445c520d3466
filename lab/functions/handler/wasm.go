//go:build wasip1

package handler

// Main is never called: the module is a library, whose exports Spin calls.
func Main() {}

// inbound is Spin's interface for functions: the host puts the request into memory that it got from
// canonical_abi_realloc, and reads the reply at the address returned. Methods are numbered as in methods. A list is
// an address and a length. An optional value follows a flag.
//
//go:wasmexport handle-http-request
func inbound(method, uri, uriLen, headers, headersLen, _, _, hasBody, body, bodyLen uint32) uint32 {
	request := Request{Method: "UNKNOWN", URI: string(memory(uri, uriLen))}
	if int(method) < len(methods) {
		request.Method = methods[method]
	}
	request.Host = header(headers, headersLen, "host")
	if hasBody == 1 {
		request.Body = memory(body, bodyLen)
	}
	reply := handle(request)
	out := area(28)
	out.put16(0, uint16(reply.Status))
	out.put8(4, 1)
	out.put32(8, pairs([2]string{"content-type", reply.contentType()}))
	out.put32(12, 1)
	out.put8(16, 1)
	out.put32(20, give(reply.Body))
	out.put32(24, uint32(len(reply.Body)))
	return out.address
}

// methods are in the order of Spin's enumeration.
var methods = []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"}

// header returns a header of a list of pairs of strings.
func header(list, count uint32, name string) string {
	in := view(list, count*16)
	for i := range count {
		if string(memory(in.get32(i*16), in.get32(i*16+4))) == name {
			return string(memory(in.get32(i*16+8), in.get32(i*16+12)))
		}
	}
	return ""
}

// pairs returns the address of a list with one pair.
func pairs(pair [2]string) uint32 {
	out := area(16)
	for i, text := range pair {
		out.put32(uint32(i)*8, give([]byte(text)))
		out.put32(uint32(i)*8+4, uint32(len(text)))
	}
	return out.address
}
