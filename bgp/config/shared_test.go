package config

import (
	"os"
	"strings"
	"testing"
)

const sharedHead = "asn: 64512\nrouterID: ${NODE_ADDRESS}\n"

// TestASharedFileIsReadWithoutASpeakersEnvironment reads files whose variables are not set
// here.
func TestASharedFileIsReadWithoutASpeakersEnvironment(t *testing.T) {
	shipped, err := os.ReadFile("../../manifests/nearcast/daemonset/speaker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"shipped":       string(shipped),
		"local address": sharedHead + "peers: [{address: 192.0.2.1, asn: 64500, localAddress: ${NODE_ADDRESS}}]\n",
		"IPv6":          sharedHead + "peers: [{address: \"2001:db8::1\", asn: 64500, localAddress: \"${NODE_ADDRESS6}\"}]\nmetrics: \"[${NODE_ADDRESS6}]:9154\"\n",
		"next hop":      sharedHead + "peers: [{address: 192.0.2.1, asn: 64500, families: [ipv4, ipv6], nextHop: \"${NODE_ADDRESS6}\"}]\n",
		"listen":        sharedHead + "listen: [\"${NODE_ADDRESS}:179\"]\npeers: [{address: 192.0.2.1, asn: 64500, passive: true}]\n",
		"node":          sharedHead + "services: {enabled: true, node: \"${NODE}\"}\npools: [{cidrs: [198.51.100.0/24], namespaces: [a]}]\nstate: /var/lib/${NODE}\npeers: [{address: 192.0.2.1, asn: 64500}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := ParseShared([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if c.RouterID.IsValid() || c.Peers[0].LocalAddress.IsValid() {
				t.Errorf("got router ID %s and local address %s, want neither", c.RouterID, c.Peers[0].LocalAddress)
			}
			if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), "is not set") {
				t.Errorf("a speaker accepted it: %v", err)
			}
		})
	}
}

// TestSharedSettingsMayNotUseVariables rejects variables in settings that the router
// depends on.
func TestSharedSettingsMayNotUseVariables(t *testing.T) {
	peer := "peers: [{address: 192.0.2.1, asn: 64500}]\n"
	for text, want := range map[string]string{
		"asn: ${SITE_ASN}\nrouterID: 192.0.2.11\n" + peer:                                               "line 1: variable ${SITE_ASN} is not set",
		sharedHead + "peers: [{address: \"${ROUTER}\", asn: 64500}]\n":                                  "line 3: variable ${ROUTER} is not set",
		sharedHead + peer + "vips: [{address: \"${VIP}\", checks: [{tcp: {address: 127.0.0.1:53}}]}]\n": "line 4: variable ${VIP} is not set",
		sharedHead + peer + "pools: [{cidrs: [\"${POOL}/32\"], namespaces: [a]}]\n":                     "line 4: variable ${POOL} is not set",
		sharedHead + "peers: [{address: 192.0.2.1, asn: 64500, passwordFile: \"/keys/${RACK}\"}]\n":     "line 3: variable ${RACK} is not set",
		sharedHead + "peers: [{address: 192.0.2.1}]\n":                                                  "line 3: peers[0].asn: is required",
		sharedHead: "peers: at least one is required",
		"asn: ${A}\nrouterID: ${B}\nadmin: ${C}${D}${E}${F}${G}\n" + peer: "line 1: variable ${A} is not set",
	} {
		if _, err := ParseShared([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %q", text, err, want)
		}
	}
}

// TestAVariableThatIsSetIsUsed reads the file like a speaker with this environment.
// does.
func TestAVariableThatIsSetIsUsed(t *testing.T) {
	t.Setenv("NODE_ADDRESS", "192.0.2.11")
	c, err := ParseShared([]byte(sharedHead + "peers: [{address: 192.0.2.1, asn: 64500, localAddress: ${NODE_ADDRESS6}}]\n"))
	if err != nil || c.RouterID.String() != "192.0.2.11" || c.Peers[0].LocalAddress.IsValid() {
		t.Errorf("%+v, %v", c, err)
	}
}
