package health

import (
	"context"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/nearcast/nearcast/internal/federation"
)

// maxGRPC bounds, in bytes, an answer's message, which has two bytes if it is correct,
// and what is read at once.
const maxGRPC = 4 << 10

// grpc passes if the health service (grpc.health.v1) reports SERVING for the target's
// service, without TLS, as a kubelet's gRPC probe does.
func (a *asker) grpc(ctx context.Context, target federation.Target) (Sample, error) {
	conn, sample, err := dial(ctx, target)
	if err != nil {
		return sample, err
	}
	defer conn.Close()
	ready := make(chan net.Conn, 1)
	ready <- &bounded{conn, maxRead}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(),
		grpc.WithMaxHeaderListSize(maxHead), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxGRPC)),
		grpc.WithReadBufferSize(maxGRPC), grpc.WithWriteBufferSize(maxGRPC),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			select {
			case conn := <-ready:
				return conn, nil
			default: // a probe uses one connection
				return nil, net.ErrClosed
			}
		}),
	}
	if target.Host != "" {
		options = append(options, grpc.WithAuthority(target.Host))
	}
	client, err := grpc.NewClient("passthrough:///"+target.Addr.String(), options...)
	if err != nil {
		return sample, err
	}
	defer func() { _ = client.Close() }() // it was used once
	request := &healthpb.HealthCheckRequest{Service: strings.TrimPrefix(target.Path, "/")}
	answer, err := healthpb.NewHealthClient(client).Check(ctx, request)
	switch {
	case ctx.Err() != nil:
		return sample, ctx.Err()
	case err != nil:
		return sample, failure{"gRPC status " + status.Code(err).String(), nil} // without the server's message
	case answer.GetStatus() != healthpb.HealthCheckResponse_SERVING:
		return sample, failure{"gRPC health is " + answer.GetStatus().String(), nil}
	}
	return sample, nil
}
