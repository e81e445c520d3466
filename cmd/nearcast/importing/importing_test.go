package importing

import (
	"strings"
	"testing"
)

// TestEveryValueIsUsedOrNamed reads configurations with values that nothing here knows.
func TestEveryValueIsUsedOrNamed(t *testing.T) {
	for text, want := range map[string]string{
		"options => { zones_strict => true }\nplugins => {}\n":                                           "options.zones_strict",
		"plugins => { simplefo => { www => { primary => 192.0.2.1, other = [ 1, { x = y } ] } } }\n":     "plugins.simplefo.www.other",
		"apiVersion: k8gb.absa.oss/v1beta1\nkind: Gslb\nspec: {strategy: {type: failover, novel: 1}}\n":  "spec.strategy.novel",
		"apiVersion: externaldns.k8s.io/v1alpha1\nkind: DNSEndpoint\nspec: {endpoints: [{dnsNam: a}]}\n": "spec.endpoints.dnsNam",
	} {
		i := &importer{Result: &Result{}}
		if err := i.file("example.org", text); err != nil {
			t.Fatal(err)
		}
		i.dynamic()
		for _, tree := range i.trees {
			i.unread(tree.file, tree.node)
		}
		named := ""
		for _, l := range i.Left {
			named += l.What + "\n"
		}
		if !strings.Contains(named, want) {
			t.Errorf("%s: %q names no %s", text, named, want)
		}
	}
}

// FuzzParseVSCF holds that it ends, and that what it reads can be walked.
func FuzzParseVSCF(f *testing.F) {
	f.Add("options => { listen => [ 127.0.0.1, \"::1\" ] } # x\nplugins={a={b=c}}")
	f.Add("a = \"b\\\"c\" ; comment\nd = [ [ 1 2 ] { e = f } ]\n")
	f.Add("$include{x}")
	f.Fuzz(func(t *testing.T, text string) {
		root, err := parseVSCF("config", text)
		if err != nil {
			return
		}
		before := len(root.unread())
		root.use()
		if after := root.unread(); len(after) != 0 && before > 0 {
			t.Errorf("%d values are still unread", len(after))
		}
	})
}
