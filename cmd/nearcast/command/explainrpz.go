package command

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/site"
	"github.com/nearcast/nearcast/plugin/rpz"
)

// explained is what a server would answer: based on its functions, its policy zones, or both. Only
// the fields of what the server has are set.
type explained struct {
	Name string `json:"name"`
	From string `json:"from"`
	*site.Explanation
	// RPZ is what policy does with A and AAAA queries.
	RPZ []rpz.Explanation `json:"rpz,omitempty"`
}

// explainLive asks the instance at a socket. For a name that no function has, it explains only the
// policy zones, if there are any.
func explainLive(cmd *cobra.Command, socket, name, from string) (*explained, error) {
	e := &explained{Name: dns.CanonicalName(name), From: from}
	query := url.Values{"name": {name}, "from": {from}}
	function := new(site.Explanation)
	noFunction := admin.Call(cmd.Context(), socket, http.MethodGet, "/explain", query, function)
	if noFunction == nil {
		e.Explanation, e.Name = function, function.Name
	} else if !isAbsent(noFunction) {
		return nil, noFunction
	}
	noPolicy := admin.Call(cmd.Context(), socket, http.MethodGet, rpz.AdminPath+"explain", query, &e.RPZ)
	switch {
	case noPolicy == nil:
		return e, nil
	case !isAbsent(noPolicy):
		return nil, noPolicy
	case noFunction == nil:
		return e, nil
	case lacks(noFunction):
		return nil, fmt.Errorf("%s: this server has neither a nearcast nor an rpz block", socket)
	}
	return nil, noFunction
}

// isAbsent reports whether a server knows nothing about a name: it does not have the function, or no
// plugin for it. Servers of earlier versions have no policy.
func isAbsent(err error) bool {
	status, ok := errors.AsType[*admin.StatusError](err)
	return ok && (status.Code == http.StatusNotFound || status.Code == http.StatusNotImplemented)
}

// print prints the explanation and, with wire, the replies.
func (e *explained) print(w io.Writer, wire bool) error {
	if e.Explanation != nil {
		if err := printExplanation(w, e.Explanation); err != nil {
			return err
		}
		for _, r := range e.Replies {
			if wire {
				fmt.Fprintf(w, "\n%s%s\n", r.Text, r.Wire)
			}
		}
	}
	for at, types := range alikeTypes(e.RPZ) {
		if e.Explanation != nil || at > 0 {
			fmt.Fprintln(w)
		}
		if err := e.printPolicy(w, types, wire); err != nil {
			return err
		}
	}
	return nil
}

// alikeTypes groups explanations that differ only in type and reply.
func alikeTypes(all []rpz.Explanation) (groups [][]rpz.Explanation) {
	for _, e := range all {
		if last := len(groups) - 1; last >= 0 && decidesAlike(groups[last][0], e) {
			groups[last] = append(groups[last], e)
			continue
		}
		groups = append(groups, []rpz.Explanation{e})
	}
	return groups
}

func decidesAlike(a, b rpz.Explanation) bool {
	a.Type, a.Text, a.Wire = b.Type, b.Text, b.Wire
	return reflect.DeepEqual(a, b)
}

// printPolicy prints what policy does with queries that are decided alike.
func (e *explained) printPolicy(w io.Writer, alike []rpz.Explanation, wire bool) error {
	var types []string
	for _, one := range alike {
		types = append(types, one.Type)
	}
	first := alike[0]
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "name\t%s\nclient\t%s\nserver\t%s\ntypes\t%s\nanswer\t%s\n", e.Name, e.From, first.Server, strings.Join(types, ", "), first.Outcome)
	if err := t.Flush(); err != nil {
		return err
	}
	if len(first.Zones) > 0 {
		fmt.Fprintln(w)
		fmt.Fprintln(t, "POLICY ZONE\tVERDICT\tTRIGGER\tRULE\tACTION\tSERIAL\tIN USE SINCE\tFROM\tWHY")
	}
	for _, z := range first.Zones {
		serial, in := "-", "-"
		if !z.Since.IsZero() {
			serial, in = fmt.Sprint(z.Serial), z.Since.Format(time.RFC3339)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", z.Zone, z.Verdict, dash(z.Trigger), dash(z.Rule), dash(actionText(z)), serial, in, z.From, why(z, e.Name))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, one := range alike {
		if wire && one.Wire != "" {
			fmt.Fprintf(w, "\n%s%s\n", one.Text, one.Wire)
		}
	}
	return nil
}

// actionText describes the rule's action, with its data.
func actionText(z rpz.Consulted) string {
	text := z.Action
	for _, record := range z.Data {
		_, data, _ := strings.Cut(record, "\tIN\t")
		text += " " + strings.ReplaceAll(data, "\t", " ") + ","
	}
	return strings.TrimSuffix(text, ",")
}

// why returns the reason, and the matched name if it differs from the query's.
func why(z rpz.Consulted, asked string) string {
	text := z.Reason
	if z.Name != "" && !strings.EqualFold(strings.TrimSuffix(z.Name, "."), strings.TrimSuffix(asked, ".")) {
		text = strings.TrimSuffix("matched at the alias target "+z.Name+"; "+text, "; ")
	}
	return text
}
