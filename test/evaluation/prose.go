package main

import (
	"fmt"
)

const figureText = `A panel for each country that calls; in it the clusters of each country, then what Nearcast's *nearest* chose. On top of each bar is the
median of the whole, from the request to the end of the reply over an open connection. The bars are stacked with the shortest part
below, as a logarithmic axis hides what is short on top of what is long; the paper's are not described. *wasm* is a fresh
instance for each call, *cold* a process that is started for each call, *warm* a process that stays.`

const oneStoreText = `From the request to the end of the reply. Where the data is in one country, the cluster that is nearest to the client pays the way
to it: a fresh instance with a handshake and a request, two round trips, a warm one that keeps its connection with one. A cluster beside the
store has the client's one round trip instead. So the nearest cluster saves what the paper shows only if the data is near too: a service
with a store in each region, as most clouds sell. Nearcast does not know where a function's data is; *failover* or *weighted* can say so for it.`

const journeyText = `Users call hello (WebAssembly) twice a second, ten seconds or more in each country; between two calls they are in the next one. Four users
in each mode move at different ages of what they resolved. *Regional* is
the paper's split DNS: the network gives the resolver of its country's cluster. *Cache kept* is a device whose stub goes on believing what
it resolved until the TTL ends; *dropped* is one that forgets with the change of network, as phones do. *Resolver of home* is a user whose
resolver stays behind: it tells the country by the address that the query comes from. *Anycast* is the resolvers' shared address,
198.51.100.53, and *function VIP* hello's, 198.51.100.80. The lab's routes live in its router's table alone, no packets follow them; so the
client's end looks the address up in that table, which the real speakers fill by BGP, and takes of the sites that announce it
the one with the least delay. What is not modelled: the pause of the radio at a handover, a network whose routes prefer
another site than the nearest, and a connection that is kept open across the move, which would break with the client's address.
The gap is from the first call in a country to the first that a cluster there answered; calls half a second apart are its grain.`

const methodText = `- **The federation** is that of ` + "`nearcast lab`" + `: five CoreDNS with *nearcast*, five speakers, a router, four gateways. Each client asks the
  CoreDNS of the nearest cluster, over UDP, from an address that ` + "`locations`" + ` has in its country, and calls the answer over HTTP.
- **Delays** are added in user space ([path.go](path.go)): whatever is written arrives half a round trip later, datagrams too, and connecting
  takes a round trip. Instances reach their store through a listener that does the same ([relay.go](relay.go)). Nothing is lost, reordered
  or limited in rate. ` + "`TestAPathCostsItsRoundTrips`" + ` measures them.
- **Cold start** is from the request's arrival at the gateway until an instance is ready: the module instantiated and initialised, or a
  process started and listening. **Processing** is from there to the function's reply, with the store. **Network latency** is the rest of
  the time from the request to the end of the reply. The gateway says the first two in ` + "`Server-Timing`" + `.
- **random** and **round-robin** clients choose among all four clusters, of which two are in North Macedonia.
- The store is a key-value service over HTTP, in memory, in the country of the cluster (a round trip of 5 ms away), or in Germany for all
  where the report says so. One call after the other: what two cost that are at once is not measured.

The round trips between the countries:`

// differences are what is not as in the paper.
func (r Results) differences() string {
	cold := func(runtime string) string {
		return spread(times(r.of(Filter{Function: "user-manager", Runtime: runtime}), coldStart))
	}
	work := func(runtime string) string {
		return spread(times(r.of(Filter{Function: "user-manager", Runtime: runtime}), processing))
	}
	return fmt.Sprintf(`- **The same**: the farthest pair of countries costs more than 100 ms over the nearest cluster, in every runtime; where the instance is warm, the
  network is most of a call unless the cluster is near.
- **A cold process is not a cold container.** The paper's containers take seconds to start, far more than WebAssembly's milliseconds, so that
  there the network hardly shows on a cold container. Here a native program is started without an image, namespaces, a network
  of its own, a scheduler or a probe, and is ready after %s ms; a WebAssembly instance takes %s ms. What makes the difference in the paper is the container, not
  the program.
- **A WebAssembly instance's start** is that of Go's runtime in a module of 3.7 MB under wazero. The paper's modules ran under Spin's Wasmtime,
  which maps a prepared image of the memory; a module that TinyGo or Rust made is smaller by an order of magnitude.
- **Processing** in WebAssembly takes %s ms, in a warm process %s ms: hashing has instructions of its own on the processor, which WebAssembly has
  not. The paper says as much of sustained performance. Both contain a connection and a request to the store, 5 ms away each, which the warm
  process saves the half of by keeping its connection.
- **Two round trips, not one.** The figure, like the paper's, has one. A client without a connection pays the handshake too, and the lookup; the
  tables' last columns have those, and the nearest cluster saves twice as much.`,
		cold("cold"), cold("wasm"), work("wasm"), work("warm"))
}
