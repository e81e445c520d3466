package main

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// recipe is one of our images, for whatever architecture.
type recipe struct {
	name               string // of the image, and of its files
	title, description string
	files              []entry // of the first layer
	programs           []part  // the largest, and the rarest to change, last
	start              v1.Config
}

// part is a compiled file, which is a layer of its own.
type part struct {
	entry
	from string // below the folder of what was compiled
}

// nearcast is what is deployed in every cluster.
func nearcast() recipe {
	at := func(name string, capability []byte) part {
		return part{entry: entry{name: "usr/local/bin/" + name, mode: 0o755, capability: capability}, from: name}
	}
	return recipe{
		name: "coredns", title: "Nearcast", description: "CoreDNS with nearcast, rpz and direct; the speaker; the command",
		files:    system(),
		programs: []part{at("nearcast", nil), at("nearcast-speaker", nil), at("coredns", mayBindService())},
		start: v1.Config{
			Env:          []string{"PATH=/usr/local/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
			Entrypoint:   []string{"/usr/local/bin/coredns"},
			Cmd:          []string{"-conf", "/etc/nearcast/Corefile"},
			ExposedPorts: map[string]struct{}{"53/udp": {}, "53/tcp": {}},
		},
	}
}
