package main

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/partnercenter-go/generatetoken/emulator"
	"github.com/partnercenter-go/generatetoken/wrapper"
)

// exchange makes the exchange that the flags describe. What is wrong with a flag is found before anything is waited for.
func (f *callFlags) exchange(cmd *cobra.Command) (*wrapper.Token, error) {
	ctx, cancel, err := f.limited(cmd.Context())
	if err != nil {
		return nil, err
	}
	defer cancel()
	logger := f.logger(cmd.ErrOrStderr())
	ctx, opts, err := f.call(ctx, logger)
	if err != nil {
		return nil, err
	}
	faults, err := parseFaults(f.faults, emulator.AtEndpoint)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 && !f.emulator {
		return nil, usagef("--fault needs --emulator: the service's own faults come by themselves")
	}
	if _, err := wrapper.NewClient(wrapper.StaticBearer(""), opts...); err != nil {
		return nil, usageError{inFlags(err)}
	}
	service := cmp.Or(f.url, clouds[f.cloud].server)
	bearer := wrapper.StaticBearer("the-emulator-takes-any")
	if !f.emulator || f.bearerFile != "" {
		if bearer, err = f.bearer(ctx, cmd.InOrStdin(), logger); err != nil {
			return nil, err
		}
	}
	if f.emulator {
		server, err := emulator.Start(emulator.WithFaults(faults...))
		if err != nil {
			return nil, err
		}
		defer server.Close()
		service = server.URL
		opts = append(opts, wrapper.WithBaseURL(service))
	}
	client, err := wrapper.NewClient(bearer, opts...)
	if err != nil {
		return nil, err
	}
	token, err := await(ctx, func() (*wrapper.Token, error) { return client.GenerateToken(ctx) })
	return token, f.explained(ctx, service, err)
}

// call turns the flags into what the wrapper takes.
func (f *callFlags) call(ctx context.Context, logger *slog.Logger) (context.Context, []wrapper.Option, error) {
	cloud, err := f.cloudOf()
	if err != nil {
		return nil, nil, err
	}
	if f.retries < 0 {
		return nil, nil, usagef("--retries %d: it cannot be negative", f.retries)
	}
	retry := wrapper.Retry{MaxRetries: f.retries}
	if f.retries == 0 {
		retry.MaxRetries = -1 // zero would be the default
	}
	opts := []wrapper.Option{
		wrapper.WithBaseURL(cmp.Or(f.url, cloud.server)),
		wrapper.WithAccept(wrapper.MediaType(f.accept)),
		wrapper.WithMediaType(wrapper.MediaType(f.contentType)),
		wrapper.WithRetry(retry),
		wrapper.WithLogger(logger),
	}
	if f.legacy {
		opts = append(opts, wrapper.WithLegacyEndpoint())
	}
	if f.application != "" {
		opts = append(opts, wrapper.WithApplication(f.application))
	}
	for _, id := range []struct {
		flag, value string
		set         func(context.Context, uuid.UUID) context.Context
	}{
		{"--request-id", f.requestID, wrapper.ContextWithRequestID},
		{"--correlation-id", f.correlationID, wrapper.ContextWithCorrelationID},
	} {
		if id.value == "" {
			continue
		}
		guid, err := uuid.Parse(id.value)
		if err != nil || guid == uuid.Nil {
			return nil, nil, usagef("%s %q: it has to be a GUID other than zero", id.flag, id.value)
		}
		ctx = id.set(ctx, guid)
	}
	return ctx, opts, nil
}
