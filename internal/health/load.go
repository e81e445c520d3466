package health

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// loadHeader is how a server reports its load in a response: Open Request Cost
// Aggregation, which Envoy and gRPC read too.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/load_balancing_policies
const loadHeader = "Endpoint-Load-Metrics"

// maxLoad keeps a nonsensical report from outweighing all others for long.
const maxLoad = 10

// loadMetrics are the utilizations of an ORCA report: of what the application
// says limits it, else of the processor. 1 is as much as it can bear.
type loadMetrics struct {
	Application float64 `json:"application_utilization"`
	CPU         float64 `json:"cpu_utilization"`
}

// reportedLoad returns the load that a response reports, 0 for none.
func reportedLoad(h http.Header) float64 {
	format, text, _ := strings.Cut(h.Get(loadHeader), " ")
	var m loadMetrics
	switch format {
	case "JSON":
		if json.Unmarshal([]byte(text), &m) != nil {
			return 0
		}
	case "TEXT":
		for field := range strings.SplitSeq(text, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
			n, err := strconv.ParseFloat(value, 64)
			switch {
			case err != nil:
			case name == "application_utilization":
				m.Application = n
			case name == "cpu_utilization":
				m.CPU = n
			}
		}
	}
	load := m.CPU
	if m.Application > 0 {
		load = m.Application
	}
	if !(load > 0) { // NaN too
		return 0
	}
	return min(load, maxLoad)
}
