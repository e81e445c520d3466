package directives

// Minimal lists the directives of the plugins that internal/base/directives/minimal links: Nearcast's,
// and those of CoreDNS that it needs, in alphabetical order.
var Minimal = []string{
	"acl", "any", "bind", "bufsize", "cache", "cancel", "ddr", "debug", "direct", "dns64", "dnstap", "errors", "file", "forward",
	"geoip", "header",
	"health", "hosts", "https", "https3", "local", "log", "loop", "metadata", "minimal", "multisocket", "nearcast", "nsid",
	"prometheus", "proxyproto", "quic", "ready", "reload", "rewrite", "root", "rpz", "rrl", "secondary", "tcp", "timeouts", "tls", "transfer",
	"tsig", "view", "whoami",
}
