# One image for exporter, api, jobs and every command:
#   docker run … widget-observability:0.1.0                                  the exporter
#   docker run … widget-observability:0.1.0 dist/api/main.js                 another process
#   docker run … widget-observability:0.1.0 dist/jobs/cli/orgs-create.js …   a command
#
# The base image is pinned by tag. Whoever can reach a registry should pin its digest as well (image:tag@sha256:…, as
# `docker buildx imagetools inspect` prints it); this repository was written without one and invents none.
FROM node:22.23.2-bookworm-slim AS base
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# npm checks the lock file against every workspace, also one that it does not install.
COPY sdk/api-client/package.json sdk/api-client/
COPY sdk/operations/package.json sdk/operations/

FROM base AS build
# No package needs its install script: bcrypt ships binaries for every platform, and PostgreSQL and Chromium are for tests.
RUN npm ci --workspaces=false --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY api/ api/
COPY exporter/ exporter/
COPY features/ features/
COPY jobs/ jobs/
COPY local/ local/
COPY migrations/ migrations/
COPY platform/ platform/
# For the demo.
COPY sdk/operations/ sdk/operations/
RUN npm run build

FROM base AS production-packages
RUN npm ci --omit=dev --workspaces=false --ignore-scripts --no-audit --no-fund

FROM node:22.23.2-bookworm-slim AS runtime
# Nothing is installed at run time.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /opt/yarn*
WORKDIR /app
COPY --from=production-packages /app/node_modules/ node_modules/
COPY --from=build /app/dist/ dist/
COPY package.json LICENSE ./
COPY migrations/ migrations/
ARG BUILD_COMMIT=unknown
ENV NODE_ENV=production BUILD_COMMIT=${BUILD_COMMIT}
# node. By number, so that Kubernetes can tell that it is not root.
USER 1000:1000
EXPOSE 8080 8081 9464 9465 9466
ENTRYPOINT ["node"]
CMD ["dist/exporter/main.js"]
# Of the default process; docker-compose.yml has one for each.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["node", "dist/exporter/main.js", "--health-check"]
