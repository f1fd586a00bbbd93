# attestlog's server, its proving worker and its monitor, static, on an empty image: nothing in it but the three programs and the roots of trust
# for TLS. The others are other entry points: docker run --entrypoint attestlog-prover, or attestlog-monitor.
# Tags are exact; pin their digests where your registry lets you look them up.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go run ./web/verifier/build -quiet && CGO_ENABLED=0 go build -trimpath -buildvcs=false -o /out/usr/local/bin/ ./cmd/attestlogd ./cmd/attestlog-prover ./cmd/attestlog-monitor \
 && mkdir -p /out/etc/ssl/certs /out/etc/attestlog /out/var/lib/attestlog /out/var/lib/attestlog-prover /out/var/lib/attestlog-monitor /out/tmp \
 && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
 && chown -R 65532:65532 /out/etc/attestlog /out/var/lib/attestlog /out/var/lib/attestlog-prover /out/var/lib/attestlog-monitor && chmod 1777 /out/tmp

FROM scratch
COPY --from=build /out /
ENV PATH=/usr/local/bin
USER 65532:65532
VOLUME /var/lib/attestlog
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["attestlogd", "health", "--url", "http://127.0.0.1:8080"]
ENTRYPOINT ["attestlogd"]
CMD ["help"]
