package main

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/nearcast/nearcast/lab/functions"
)

// recipe is one of our images, for whatever architecture.
type recipe struct {
	name               string // of the image, and of its files
	variant            string // suffix of its tag and its files, if there are several
	title, description string
	files              []entry // of the first layer
	programs           []part  // the largest, and the rarest to change, last
	start              v1.Config
}

// part is a compiled file, which gets its own layer.
type part struct {
	entry
	from string // below the directory of compiled files
	// materials is the file that lists its modules, if the part itself cannot.
	materials string
}

// file is the base name of the image's files, before the architecture.
func (r recipe) file() string { return r.name + r.variant }

// images are all of ours.
func images() ([]recipe, error) {
	recipes, err := functionImages()
	return append(recipes, speaker(), nearcast(), nearcastFull()), err
}

// bin is where images have their programs.
const bin = "usr/local/bin/"

// path has `kubectl exec` find them.
const path = "PATH=/usr/local/bin"

// trusted has programs find the authorities of system().
const trusted = "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"

// nearcast is what answers queries in every cluster: CoreDNS with the plugins that its uses need.
func nearcast() recipe {
	return resolver("", minimal, "CoreDNS with nearcast, rpz, ddr and direct, and the plugins beside them; the command")
}

// nearcastFull is the same with all of CoreDNS's plugins.
func nearcastFull() recipe {
	return resolver("-full", full, "CoreDNS with all of its plugins, nearcast, rpz, ddr and direct; the command")
}

// resolver returns an image of the CoreDNS in a directory of compiled files. Called nearcast, it is the command.
func resolver(variant, folder, description string) recipe {
	return recipe{
		name: "coredns", variant: variant, title: "Nearcast", description: description,
		files:    append(system(), entry{name: bin + "nearcast", mode: 0o777, link: "coredns"}),
		programs: []part{{entry: entry{name: bin + "coredns", mode: 0o755, capability: mayBindService()}, from: folder + "/coredns"}},
		start: v1.Config{
			Env:          []string{path, trusted},
			Entrypoint:   []string{"/" + bin + "coredns"},
			Cmd:          []string{"-conf", "/etc/nearcast/Corefile"},
			ExposedPorts: map[string]struct{}{"53/udp": {}, "53/tcp": {}},
		},
	}
}

// speaker is what announces addresses, for clusters whose nodes peer with a router.
func speaker() recipe {
	return recipe{
		name: "speaker", title: "Nearcast's speaker", description: "announces a site's shared addresses by BGP while the site can serve them",
		files:    system(),
		programs: []part{{entry: entry{name: bin + "nearcast-speaker", mode: 0o755}, from: minimal + "/nearcast-speaker"}},
		start: v1.Config{
			Env:        []string{path, trusted},
			Entrypoint: []string{"/" + bin + "nearcast-speaker"},
			Cmd:        []string{"--config", "/etc/nearcast/speaker.yaml"},
		},
	}
}

// functionImages are the lab's functions: each as a container, and as a Spin
// application in the one layer that the containerd shim unpacks.
func functionImages() ([]recipe, error) {
	var recipes []recipe
	for _, name := range functions.Names {
		manifest, err := functions.Manifests.ReadFile(name + "/spin.toml")
		if err != nil {
			return nil, err
		}
		title := "Nearcast's function " + name
		recipes = append(recipes, recipe{
			name: name, title: title, description: "an HTTP server on port 8080",
			files:    system(),
			programs: []part{{entry: entry{name: "function", mode: 0o755}, from: name}},
			start: v1.Config{
				Env:          []string{trusted},
				Entrypoint:   []string{"/function"},
				ExposedPorts: map[string]struct{}{"8080/tcp": {}},
			},
		}, recipe{
			name: name + "-spin", title: title, description: "a Spin application for containerd's Spin shim",
			files:    []entry{{name: "spin.toml", mode: 0o644, content: manifest}},
			programs: []part{{entry: entry{name: name + ".wasm", mode: 0o644}, from: name + ".wasm", materials: name}},
			start:    v1.Config{Entrypoint: []string{"/"}}, // the shim starts what spin.toml names; Kubernetes wants a command
		})
	}
	return recipes, nil
}
