package boundaries

const module = "github.com/nearcast/nearcast/"

// rule forbids packages under from to import packages under to, beyond what the plan forbids.
type rule struct {
	from, to string
	// but are the packages under from that may.
	but []string
	why string
}

var rules = []rule{
	{from: "", to: "github.com/osrg/gobgp", but: []string{"bgp/gobgp"}, why: "one package knows GoBGP, so that it can be replaced and its traps are in one place"},
	{from: "", to: "github.com/karmada-io/karmada/pkg/generated", why: "it links every kind of Karmada, of which few are read"},
	{from: "", to: "k8s.io/client-go/kubernetes", why: "it links every kind of Kubernetes, of which few are read"},
	{from: "", to: "k8s.io/client-go/tools/leaderelection", why: "it links every kind of Kubernetes; bgp/kube/lease.go holds a Lease"},
	{from: "", to: "k8s.io/client-go/gentype", why: "it links OpenAPI for its fakes"},
	{from: "", to: "k8s.io/client-go", but: []string{"internal/base/apiclient", "internal/base/apistream", "internal/base/apiwatch", "internal/source/karmada", "lab/controlplane", "bgp/kube"}, why: "objects are stripped at the edge; nobody else talks to an API"},
	{from: "", to: module + "lab/controlplane", but: []string{"lab", "cmd/nearcast-lab"}, why: "a control plane is run by the lab and by tests alone"},
	{from: "", to: "github.com/karmada-io/karmada/pkg/util", why: "it brings controller-runtime and half of Karmada"},
	{from: "plugin", to: module + "bgp", why: "plugins run without a speaker"},
	{from: "bgp", to: module + "plugin", why: "the speaker runs without CoreDNS"},
	{from: "bgp/judge", to: "context", why: "what a VIP's state is follows from the inputs and their times alone"},
	{from: "bgp/judge", to: "os", why: "what a VIP's state is follows from the inputs and their times alone"},
	{from: "bgp/cluster", to: "os", why: "which addresses Services are given follows from the file and the Services alone"},
	{from: "bgp", to: module + "internal/site", why: "the speaker lives without Karmada's state"},
	{from: "internal/federation", to: module, why: "the model is at the bottom, on sequences and texts that know nothing of it, and each package above it knows only what allowed lists"},
	{from: "internal/federation", to: "net/http", why: "the model and what makes it do no I/O"},
	{from: "internal/federation/policy", to: module, why: "the syntax of policies knows nothing of what they mean"},
	{from: "internal/steering/steer", to: "github.com/miekg/dns", why: "steering knows no DNS"},
	{from: "internal/steering/steer", to: "net/http", why: "steering does no I/O"},
	{from: "internal/steering/steer", to: module, but: nil, why: "steering knows the model and the value types of health and locate alone"},
	{from: "plugin/rpz/internal/policyzone", to: module, why: "rules know nothing but DNS"},
	{from: "plugin/nearcast/zonefile", to: module, why: "records know nothing but DNS"},
	{from: "plugin/rpz/internal/secondary", to: module, why: "transfers know policy zones alone"},
	{from: "plugin/rpz/internal/download", to: module, why: "lists know policy zones alone"},
	{from: "plugin/rpz/internal/demand", to: module, why: "demands know nothing of what is done"},
	{from: "plugin/rpz/internal/failure", to: module, why: "classes know nothing of what failed"},
	{from: "plugin/rpz/internal/outbound", to: module, why: "connections know nothing of what they carry"},
	{from: "plugin/rpz", to: module + "internal/site", why: "policy zones are useful without functions"},
	{from: "plugin/ddr", to: module + "internal", why: "where a resolver is found has nothing to do with functions"},
	{from: "internal/base/dnr", to: module, why: "options know nothing but DNS"},
	{from: "plugin/direct", to: module + "internal", why: "sockets know nothing of functions"},
	{from: "internal", to: "github.com/coredns", but: []string{"internal/base/directives", "internal/testkit/coredns"}, why: "what is below the plugin does not know its server"},
	{from: "plugin/rpz/internal", to: "github.com/coredns", why: "what is below the plugin does not know its server"},
	{from: "", to: "github.com/tetratelabs/wazero", but: []string{"lab"}, why: "one package runs WebAssembly"},
	{from: "lab/functions", to: module + "internal", why: "a function is a program of its own, as its author's would be"},
	{from: "cmd/nearcast", to: module + "lab", why: "the lab is a program of its own, with a router and a runtime that the command needs not carry"},
	{from: "", to: module + "cmd", but: []string{"cmd/nearcast", "cmd/coredns"}, why: "programs are not libraries, but for the command, which coredns is too when it is called so"},
	{from: "", to: module + "internal/testkit/coredns", but: []string{"internal/testkit"}, why: "a server within a test is for tests"},
	{from: "", to: module + "internal/testkit/fixture", but: []string{"internal/testkit", "test/bench"}, why: "fixtures are for tests and benchmarks"},
}

// allowed are imports that a rule with a wider To would forbid.
var allowed = map[string][]string{
	"internal/federation":            {module + "internal/base/brief", module + "internal/base/intern", module + "internal/federation/policy", module + "internal/base/vector"},
	"internal/federation/build":      {module + "internal/base/brief", module + "internal/base/index", module + "internal/base/intern", module + "internal/base/vector", module + "internal/federation", module + "internal/federation/annotation", module + "internal/federation/claims", module + "internal/federation/policy", module + "internal/federation/staging"},
	"internal/federation/claims":     {module + "internal/federation"},
	"internal/federation/annotation": {module + "internal/base/brief", module + "internal/base/intern", module + "internal/base/typo", module + "internal/federation", module + "internal/federation/policy"},
	"internal/federation/staging":    {module + "internal/base/index", module + "internal/federation", module + "internal/federation/annotation"},
	"plugin/rpz/internal/secondary":  {module + "plugin/rpz/internal/demand", module + "internal/base/folder", module + "plugin/rpz/internal/failure", module + "plugin/rpz/internal/outbound", module + "plugin/rpz/internal/policyzone", module + "internal/base/regular", module + "plugin/internal/masterfile"},
	"plugin/rpz/internal/download":   {module + "plugin/rpz/internal/demand", module + "internal/base/folder", module + "plugin/rpz/internal/failure", module + "plugin/rpz/internal/outbound", module + "plugin/rpz/internal/policyzone", module + "internal/base/regular"},
	"plugin/rpz/internal/outbound":   {module + "internal/base/regular"},
	"plugin/rpz/internal/policyzone": {module + "internal/base/regular", module + "plugin/internal/masterfile"},
	"plugin/nearcast/zonefile":       {module + "internal/base/regular", module + "plugin/internal/masterfile"},
	"internal/steering/steer":        {module + "internal/federation", module + "internal/steering/health", module + "internal/steering/locate", module + "internal/federation/policy", module + "internal/base/vector"},
}

func (r rule) permits(from, imported string) bool {
	for _, but := range r.but {
		if under(from, but) {
			return true
		}
	}
	for _, ok := range allowed[from] {
		if imported == ok {
			return true
		}
	}
	return false
}
