// Package handler is what the functions share: one handler each, served over HTTP
// by a native program and called through Spin's interface by a WebAssembly module.
//
// When compiled to WebAssembly it does not import net/http, so modules stay small and start fast.
package handler

import "net/url"

// Request is one call of a function.
type Request struct {
	Method string
	// URI is the path with the query.
	URI  string
	Host string
	Body []byte
}

// Reply is a function's answer.
type Reply struct {
	Status int
	// ContentType "" means plain text.
	ContentType string
	Body        []byte
}

// Handler answers a call.
type Handler func(Request) Reply

// handle is the function's handler.
var handle Handler

// Register sets the function's handler. Call it from init, because a WebAssembly module that serves calls never
// runs main.
func Register(h Handler) { handle = h }

// Text is a reply of plain text.
func Text(status int, text string) Reply {
	return Reply{Status: status, Body: []byte(text)}
}

func (r Reply) contentType() string {
	if r.ContentType == "" {
		return "text/plain; charset=utf-8"
	}
	return r.ContentType
}

// Split returns the path and the query of the request.
func (r Request) Split() (string, url.Values, error) {
	u, err := url.Parse(r.URI)
	if err != nil {
		return "", nil, err
	}
	query, err := url.ParseQuery(u.RawQuery)
	return u.Path, query, err
}
