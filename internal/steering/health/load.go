package health

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// loadHeader is the response header in which a server reports its load: Open Request Cost
// Aggregation, which Envoy and gRPC also read.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/load_balancing_policies
const loadHeader = "Endpoint-Load-Metrics"

// maxLoad keeps an absurd report from outweighing all others for long.
const maxLoad = 10

// loadMetrics are the utilizations in an ORCA report: what the application names as its
// limit, else the CPU. 1 is full capacity.
type loadMetrics struct {
	Application float64 `json:"application_utilization"`
	CPU         float64 `json:"cpu_utilization"`
}

// reportedLoad returns the load that a response reports; 0 for none.
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
	if !(load > 0) { // also catches NaN
		return 0
	}
	return min(load, maxLoad)
}
