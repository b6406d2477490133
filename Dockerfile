# One image for every role: `control-plane`, `data-plane`, `start`, and the other commands of signet.
# Each role is asked for its health at another place, so there is no HEALTHCHECK: see docker-compose.yml.
# Run it with an init (`docker run --init`), which takes signals from the first moment on.
FROM node:22-bookworm AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json vitest.config.ts ./
COPY shared shared
COPY control-plane control-plane
COPY data-plane data-plane
COPY cli cli
COPY console console
COPY load-tests load-tests
COPY test test
RUN npm run build && rm -rf dist/test dist/load-tests dist/vitest.config.* && npm prune --omit=dev

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY LICENSE ./
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
# The only place that is written to, besides memory: the root file system may be read-only.
RUN install -d -o node -g node -m 0700 /var/lib/signet
VOLUME /var/lib/signet
# As a number: Kubernetes' runAsNonRoot can't look a name up.
USER 1000:1000
ENV SIGNET_DATA_DIR=/var/lib/signet
EXPOSE 8000 8443 8002 8003
ENTRYPOINT ["node", "/app/dist/cli/main.js"]
CMD ["start"]
