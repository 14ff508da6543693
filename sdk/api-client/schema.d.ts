/* Made by npm run generate from api/openapi.json. Do not edit. */

export interface paths {
    "/api/analytics/widget/{chatbotId}/active": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How many sessions of a chatbot are going on
         * @description Sessions that have not ended and whose last activity is less than the session timeout (30 minutes) ago.
         */
        get: operations["getWidgetAnalyticsActiveSessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/analytics/widget/{chatbotId}/data-subject": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One person's data
         * @description For owners; recorded in the audit log with the SHA-256 of the id. The sessions of a person are those that carry the id; their events are those that carry it, and all events of those sessions.
         */
        get: operations["exportWidgetDataSubject"];
        put?: never;
        post?: never;
        /**
         * Removes one person's data
         * @description For owners; recorded in the audit log with the SHA-256 of the id. The sessions of a person are those that carry the id; their events are those that carry it, and all events of those sessions. Daily statistics keep their numbers until their day is made anew. Repeating it is safe.
         */
        delete: operations["deleteWidgetDataSubject"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/analytics/widget/{chatbotId}/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** With what devices, browsers and systems the sessions of a chatbot came in a period */
        get: operations["getWidgetAnalyticsDevices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/analytics/widget/{chatbotId}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The most frequent events of a chatbot in a period */
        get: operations["getWidgetAnalyticsEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/analytics/widget/{chatbotId}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All events or sessions of a period as a file
         * @description For owners; recorded in the audit log. Rows come day by day, sessions oldest first, events of a day by id, with the columns of the table. In CSV a cell that a spreadsheet would take for a formula begins with `'`. It is not one snapshot: what arrives or goes meanwhile may be in it or not. A download that ends without its last chunk is not complete: repeat it.
         */
        get: operations["exportWidgetData"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/analytics/widget/{chatbotId}/funnel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How many sessions or visitors of a chatbot go through a list of events in order
         * @description A session or visitor reaches a step by an event for it that is later than the one for the step before; other events may lie in between. All of them are in the period.
         */
        get: operations["getWidgetAnalyticsFunnel"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/analytics/widget/{chatbotId}/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sessions of a chatbot, newest first
         * @description The first 10,000 can be paged through; `/export` has all of them.
         */
        get: operations["listWidgetSessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/analytics/widget/{chatbotId}/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Sessions, visitors and conversations of a chatbot in a period */
        get: operations["getWidgetAnalyticsSummary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/analytics/widget/{chatbotId}/traffic-sources": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where the sessions of a chatbot came from in a period */
        get: operations["getWidgetAnalyticsTrafficSources"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/analytics/widget/{chatbotId}/trends": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Sessions, conversations and messages of a chatbot by day */
        get: operations["getWidgetAnalyticsTrends"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bootloader": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Configuration of a widget, for the page that embeds it
         * @description Names the organization by site id or key. The host of `Origin` must be on the allowlist of the organization; pages on localhost are allowed if it says so. An answer counts as a widget load, a refusal by the allowlist as a domain mismatch.
         */
        get: operations["getBootloader"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/monitoring/widget": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How widgets feel in browsers: health score, statistics of a window, alerts
         * @description Users of an organization see their own chatbots, administrators everything. Covered are the minutes that the window touches. Figures may be from a cache, alerts never are. `format=export` answers the minutes themselves, while they are read: one that ends without its last chunk is not complete.
         */
        get: operations["getWidgetPerformance"];
        put?: never;
        /**
         * What a widget measured, from the page that embeds it; acknowledged after it is stored
         * @description One metric, or up to 100 in `metrics`; one that is not valid refuses all. After a 503 or without an answer, send it again with the same `batchId`: it is counted once. An `Origin`, where there is one, must be on the allowlist of the organization. `text/plain` is for beacons; the body is JSON all the same.
         */
        post: operations["addWidgetMetrics"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/monitoring/widget/alerts/{id}/resolve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Marks a stored alert as resolved
         * @description Recorded in the audit log. It stays resolved while Alertmanager repeats it; a later episode is another alert. Repeating it is safe. An alert of no organization is for administrators.
         */
        post: operations["resolveAlert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/monitoring/widget/baseline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes the average render time of the last hour the baseline of an organization
         * @description What `WidgetPerformanceDegraded` compares with. For owners of the organization, and for administrators, who name it. Without it the baseline is captured once, when there are enough renders.
         */
        post: operations["captureRenderBaseline"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/woocommerce/analytics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * WooCommerce operations of the own organization: figures of a period and the newest operations
         * @description The period is the UTC days that end today. Without credentials the answer is empty.
         */
        get: operations["getWooCommerceAnalytics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/woocommerce/errors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Failed WooCommerce operations of the own organization, grouped by error type */
        get: operations["getWooCommerceErrors"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/woocommerce/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the shops of the own organization answer, asked now */
        get: operations["getWooCommerceHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/woocommerce/trends": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** WooCommerce operations of the own organization, week over week */
        get: operations["getWooCommerceTrends"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document as a page */
        get: operations["getDocumentation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A script, style sheet or icon of the page
         * @description Its name contains a hash of its content, so it may be kept for ever.
         */
        get: operations["getDocumentationFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process answers; says nothing of its database */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ingest/alertmanager": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Alertmanager's webhook, version 4
         * @description **For trusted servers.** It sends no CORS headers, so no page in a browser can call it, and neither can “Try it out” on this one: use curl.
         */
        post: operations["deliverAlerts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ingest/widget/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Durations of message creation, from the chat backend; acknowledged after they are stored
         * @description After a 503 or without an answer, send the batch again with the same `batchId`: it is counted once. An invalid item refuses the whole batch.
         *
         *     **For trusted servers.** It sends no CORS headers, so no page in a browser can call it, and neither can “Try it out” on this one: use curl.
         */
        post: operations["reportMessageDurations"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ingest/woocommerce/operations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * WooCommerce operations of a chat backend; acknowledged after they are stored
         * @description **For trusted servers.** It sends no CORS headers, so no page in a browser can call it, and neither can “Try it out” on this one: use curl.
         */
        post: operations["addWooCommerceOperations"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/internal/metrics/widget-health-summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Widget health over all organizations
         * @description Deactivated organizations included. Each read is recorded in the audit log.
         */
        get: operations["getWidgetHealthSummary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document: OpenAPI 3.1 of both services */
        get: operations["getOpenApiDocument"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/portal/widget/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Widget health of the own organization */
        get: operations["getWidgetHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sdk/v1/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The script that a page embeds
         * @description `widget.js` is the beacon, `performance.js` what measures beside it. Both are the current ones and may be kept for an hour. `Content-Location` names them with a hash of their content: under that name they never change, so they may be kept for ever and be embedded with an `integrity` attribute.
         */
        get: operations["getBrowserScript"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * An event of a visitor of a site; acknowledged after it is stored
         * @description After a 503 or without an answer, send it again with the same `eventId`: it is stored once and answered with the same ids. `text/plain` is for beacons; the body is JSON all the same.
         *
         *     In a browser only pages on the origins of `CORS_ALLOWED_ORIGINS` may call it, “Try it out” included.
         */
        post: operations["addMarketingEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The same, with the name and the clock of the service */
        get: operations["getServiceHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/leads/capture": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A filled form with an e-mail address; acknowledged after it is stored
         * @description Stores the event `form_submit` as well: a page must not send one of its own. A form that a browser posts without a script is answered by a redirect to its field `path`; its fields may be nested one level, as in `utm[source]`, and `anonId` may be left out.
         *
         *     In a browser only pages on the origins of `CORS_ALLOWED_ORIGINS` may call it, “Try it out” included.
         */
        post: operations["captureLead"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/leads/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Removes a person: the lead, its identities, its consent log and what its forms said */
        post: operations["deleteLead"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/leads/unsubscribe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Withdraws the consent of a lead
         * @description In a browser only pages on the origins of `CORS_ALLOWED_ORIGINS` may call it, “Try it out” included.
         */
        post: operations["unsubscribeLead"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/metrics/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Traffic, funnel and leads of a window of days
         * @description Read from daily rollups only: `freshness` says how far they reach.
         */
        get: operations["getMarketingSummary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/widget/analytics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Events of a widget, from the page that embeds it; acknowledged after they are stored
         * @description After a 503 or without an answer, send the batch again with the same event ids: each event is stored once. An `Origin`, where there is one, must be on the allowlist of the organization. `text/plain` is for beacons; the body is JSON all the same.
         */
        post: operations["addWidgetEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/widget/errors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** An error that a widget met; stored as the event `widget_error` */
        post: operations["reportWidgetError"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @example {
         *       "version": "4",
         *       "alerts": [
         *         {
         *           "status": "firing",
         *           "labels": {
         *             "alertname": "WidgetOrgHealthSpike",
         *             "severity": "error",
         *             "feature": "widget-health",
         *             "org": "acme"
         *           },
         *           "annotations": {
         *             "summary": "Widget of an organization fails",
         *             "description": "acme: 60 failures in an hour"
         *           },
         *           "startsAt": "2026-02-13T09:58:00.000Z",
         *           "endsAt": "0001-01-01T00:00:00Z",
         *           "fingerprint": "c1f3a9b2d4e5f607"
         *         }
         *       ]
         *     }
         */
        AlertmanagerWebhook: {
            /** @constant */
            version: "4";
            /** @description Alertmanager's alerts: `status`, `labels`, `annotations`, `startsAt`, `endsAt`, `fingerprint`. */
            alerts: unknown[];
        };
        /**
         * @example {
         *       "success": true,
         *       "stored": 3,
         *       "failed": 0
         *     }
         */
        AlertsStored: {
            /** @constant */
            success: true;
            /** @description Alerts written, new or changed. */
            stored: number;
            /** @description Alerts that were malformed or refused by the database; the others are stored. */
            failed: number;
        };
        ApiCallMetric: {
            endpoint: string;
            method: string;
            statusCode: number;
            /** @description Milliseconds. */
            duration: number;
            /** @description Bytes. */
            requestSize?: number;
            /** @description Bytes. */
            responseSize?: number;
            cached: boolean;
            /** @description Of a failure: 1 to 64 letters, digits, `_`, `.` and `-`; anything else counts as `other`. */
            errorType?: string;
            /** @description When it was measured; the time of receipt when left out. Over 5 minutes ahead is refused, over an hour ago is acknowledged and not stored. */
            timestamp?: string | number;
        };
        /**
         * @example {
         *       "ok": true,
         *       "org": {
         *         "id": 17,
         *         "key": "acme",
         *         "name": "Acme Corp"
         *       },
         *       "config": {
         *         "widgetEnabled": true,
         *         "writeEnabled": true,
         *         "aiEnabled": true,
         *         "language": "en",
         *         "theme": {
         *           "primaryColor": "#0F5C5C"
         *         },
         *         "branding": {
         *           "widgetName": "Chat",
         *           "widgetSubtitle": "",
         *           "launcherText": null,
         *           "position": "right"
         *         }
         *       },
         *       "orgToken": "eyJhbGciOiJIUzI1NiIsInR5cCI6Ik9yZ1Rva2VuIn0.…",
         *       "env": "production",
         *       "timestamp": "2026-02-06T12:00:00.000Z",
         *       "requestId": "abc-123"
         *     }
         */
        BootloaderAnswer: {
            /** @constant */
            ok: true;
            org: {
                id: number;
                key: string;
                name: string;
            };
            config: {
                /** @description A disabled widget is answered too: the page decides what to show. */
                widgetEnabled: boolean;
                writeEnabled: boolean;
                aiEnabled: boolean;
                language: string;
                theme: {
                    primaryColor: string;
                };
                branding: {
                    widgetName: string;
                    widgetSubtitle: string;
                    launcherText: string | null;
                    /** @enum {string} */
                    position: "left" | "right";
                };
            };
            /** @description Signed for five minutes, for the chat backend: a JWS of `orgId`, `orgKey`, `iat` and `exp`. */
            orgToken: string;
            env: string;
            /** Format: date-time */
            timestamp: string;
            requestId: string;
        };
        BundleMetric: {
            bundleName: string;
            /** @description Milliseconds. */
            loadTime: number;
            /** @description Bytes. */
            size: number;
            cached: boolean;
            /** @description When it was measured; the time of receipt when left out. Over 5 minutes ahead is refused, over an hour ago is acknowledged and not stored. */
            timestamp?: string | number;
        };
        Error: {
            error: {
                /**
                 * @description Stable: decide by it, not by the message.
                 * @enum {string}
                 */
                code: "VALIDATION_ERROR" | "INVALID_JSON" | "UNAUTHENTICATED" | "TOKEN_EXPIRED" | "INVALID_INGEST_KEY" | "unauthorized" | "FORBIDDEN" | "ORG_DEACTIVATED" | "ORIGIN_MISSING" | "DOMAIN_NOT_ALLOWED" | "ORIGIN_NOT_ALLOWED" | "CSRF_REJECTED" | "NOT_FOUND" | "ORG_NOT_FOUND" | "CHATBOT_NOT_FOUND" | "ALERT_NOT_FOUND" | "METHOD_NOT_ALLOWED" | "NOT_ENOUGH_DATA" | "PAYLOAD_TOO_LARGE" | "UNSUPPORTED_MEDIA_TYPE" | "ROW_REFUSED" | "RATE_LIMITED" | "INTERNAL_ERROR" | "INGEST_OVERLOADED" | "DATABASE_UNAVAILABLE" | "SHUTTING_DOWN" | "WEBHOOK_NOT_CONFIGURED" | "admin_auth_not_configured";
                /** @description For people; it ends with what to do where there is something to do. */
                message: string;
                /** @description The x-request-id of this answer; quote it when you report a failure. */
                requestId: string;
                /** @description The fields at fault; with VALIDATION_ERROR and ROW_REFUSED only. */
                issues?: {
                    path: string;
                    message: string;
                }[];
            };
        };
        Health: {
            /** @constant */
            status: "ok";
        };
        /**
         * @example {
         *       "email": "ada@example.com",
         *       "anonId": "anon-0198c5f0",
         *       "formName": "demo",
         *       "path": "/demo",
         *       "consentStatus": "express"
         *     }
         */
        LeadCapture: {
            /** Format: email */
            email: string;
            /** @description Of the browser, across visits. */
            anonId: string;
            propertyId?: string;
            /** @description Else `lead_capture`. */
            formName?: string;
            /** @description The page; a browser without scripts is sent back there. */
            path?: string;
            referrer?: string;
            sourceChannel?: string;
            /** @enum {string} */
            consentStatus?: "pending" | "express" | "implied";
            payload?: {
                [key: string]: unknown;
            };
            utm?: {
                source?: string;
                medium?: string;
                campaign?: string;
                term?: string;
                content?: string;
            };
            /** @description A field that people do not see: whoever fills it is a program. */
            honeypot?: string;
        };
        LeadCaptured: {
            /** @constant */
            ok: true;
            /** Format: uuid */
            leadId: string;
            /** Format: uuid */
            visitorId: string;
            /** Format: uuid */
            sessionId: string;
            /** @description Other visitors that were linked to the lead by address and browser. */
            heuristicLinksCreated: number;
        };
        /**
         * @example {
         *       "email": "ada@example.com"
         *     }
         */
        LeadDelete: {
            /** Format: email */
            email: string;
        };
        LeadDeleted: {
            /** @constant */
            ok: true;
            /** @constant */
            deleted: true;
        };
        /**
         * @example {
         *       "email": "ada@example.com",
         *       "reason": "too many letters"
         *     }
         */
        LeadUnsubscribe: {
            /** Format: email */
            email: string;
            reason?: string;
        };
        LeadUnsubscribed: {
            /** @constant */
            ok: true;
            /** @constant */
            found: true;
        };
        MarketingError: {
            /** @constant */
            ok: false;
            /**
             * @description Stable: decide by it.
             * @example invalid_request
             */
            error: string;
            /** @description The fields at fault; with VALIDATION_ERROR and ROW_REFUSED only. */
            issues?: {
                path: string;
                message: string;
            }[];
        };
        /**
         * @example {
         *       "anonId": "anon-0198c5f0",
         *       "eventType": "page_view",
         *       "path": "/pricing",
         *       "eventId": "0198c5f0-7a5c-7cc2-8a3e-1f2d3c4b5a69",
         *       "referrer": "https://www.google.com/",
         *       "utm": {
         *         "source": "newsletter",
         *         "medium": "email"
         *       },
         *       "traffic": {
         *         "propertyId": "www",
         *         "host": "www.example.com",
         *         "webVitals": {
         *           "lcpMs": 1800,
         *           "clsScore": 0.05
         *         }
         *       }
         *     }
         */
        MarketingEvent: {
            /** @description Of the browser, across visits. */
            anonId: string;
            /** @description `page_view`, `form_start` and `form_submit` have a meaning; any other is stored. */
            eventType: string;
            path: string;
            /**
             * Format: uuid
             * @description A repeat is acknowledged and not stored again.
             */
            eventId?: string;
            /** @description Taken when it is at most 7 days old and at most 5 minutes ahead. */
            timestamp?: string | number;
            referrer?: string;
            utm?: {
                source?: string;
                medium?: string;
                campaign?: string;
                term?: string;
                content?: string;
            };
            /** @description Up to 16 KiB as JSON. */
            props?: {
                [key: string]: unknown;
            };
            /** @description A field that people do not see: whoever fills it is a program. */
            honeypot?: string;
            traffic?: {
                /** @description The site; else `host`, the host of `Origin` or of the request stands in. */
                propertyId?: string;
                host?: string;
                pageTitle?: string;
                language?: string;
                browserName?: string;
                browserVersion?: string;
                osName?: string;
                osVersion?: string;
                region?: string;
                city?: string;
                timezone?: string;
                countryCode?: string;
                /** @enum {string} */
                deviceType?: "desktop" | "mobile" | "tablet" | "bot" | "unknown";
                screenWidth?: number;
                screenHeight?: number;
                viewportWidth?: number;
                viewportHeight?: number;
                /** @description Else true for the first page_view of a session. */
                isEntrance?: boolean;
                isExit?: boolean;
                /** @description Else true for form_submit. */
                isConversion?: boolean;
                engagedTimeMs?: number;
                scrollDepthPercent?: number;
                webVitals?: {
                    fcpMs?: number;
                    lcpMs?: number;
                    inpMs?: number;
                    ttfbMs?: number;
                    clsScore?: number;
                };
            };
        };
        /** @description A honeypot hit gets no ids. */
        MarketingEventAccepted: {
            /** @constant */
            ok: true;
            /** Format: uuid */
            eventId?: string;
            /** Format: uuid */
            visitorId?: string;
            /** Format: uuid */
            sessionId?: string;
        };
        MarketingSummary: {
            /** @constant */
            ok: true;
            window: {
                /** Format: date */
                from: string;
                /** Format: date */
                to: string;
            };
            /** @description The window of the same length immediately before. */
            compareTo: {
                /** Format: date */
                from: string;
                /** Format: date */
                to: string;
            } | null;
            /** @description Of the newest day with a rollup. */
            freshness: {
                /** Format: date */
                rolledUpThrough: string | null;
                lagDays: number | null;
                /** Format: date-time */
                generatedAt: string | null;
            };
            metrics: {
                /** @description Sum of the daily distinct visitors: who came on three days counts three. */
                uniqueVisitors: {
                    value: number;
                    /** @description (current - previous) / previous; null when not asked for, or when previous is 0. */
                    delta: number | null;
                };
                /** @description Distinct visitors of the whole window. */
                windowUniqueVisitors: {
                    value: number;
                    /** @description (current - previous) / previous; null when not asked for, or when previous is 0. */
                    delta: number | null;
                };
                /** @description Share of the daily distinct visitors who had been seen before that day. */
                returningVisitorsPct: {
                    value: number;
                    /** @description (current - previous) / previous; null when not asked for, or when previous is 0. */
                    delta: number | null;
                };
                totalPageViews: {
                    value: number;
                    /** @description (current - previous) / previous; null when not asked for, or when previous is 0. */
                    delta: number | null;
                };
                /** @description New leads by daily distinct visitors. */
                leadCaptureRate: {
                    value: number;
                    /** @description (current - previous) / previous; null when not asked for, or when previous is 0. */
                    delta: number | null;
                };
                /** @description Forms submitted by forms started. */
                formCompletionRate: {
                    value: number;
                    /** @description (current - previous) / previous; null when not asked for, or when previous is 0. */
                    delta: number | null;
                };
                /** @description Share of the sessions with an entrance that converted at or after it. */
                landingPageConversionRate: {
                    value: number;
                    /** @description (current - previous) / previous; null when not asked for, or when previous is 0. */
                    delta: number | null;
                };
                /** @description From the first visit to the capture of a new lead, in hours. */
                avgTimeToFirstCaptureHrs: {
                    value: number;
                    /** @description (current - previous) / previous; null when not asked for, or when previous is 0. */
                    delta: number | null;
                };
                /** @description Share of events by source. */
                trafficSourceMix: {
                    direct: number;
                    organic_search: number;
                    paid_search: number;
                    social: number;
                    email: number;
                    referral: number;
                    campaign: number;
                    internal: number;
                    unknown: number;
                };
            };
            ingest: {
                /** @description Accepted events by accepted and refused ones. */
                successPct: number;
                /** @description Time to first byte that browsers reported: daily percentiles weighted by events. */
                p95TtfbMs: number | null;
                totalEventsAccepted: number;
                totalEventsRejected: number;
            };
            trend: {
                /** Format: date */
                day: string;
                uniqueVisitors: number;
                pageViews: number;
                newLeads: number;
            }[];
        };
        MemoryMetric: {
            /** @description Bytes. */
            heapUsed: number;
            /** @description Bytes. */
            heapTotal: number;
            /** @description Bytes. */
            external?: number;
            sessionId?: string;
            messageCount?: number;
            /** @description When it was measured; the time of receipt when left out. Over 5 minutes ahead is refused, over an hour ago is acknowledged and not stored. */
            timestamp?: string | number;
        };
        /**
         * @example {
         *       "batchId": "7f1c9a52-3c1e-4c5b-9a55-0d6c7a3f2b10",
         *       "messages": [
         *         {
         *           "duration_ms": 420,
         *           "role": "assistant"
         *         },
         *         {
         *           "duration_ms": 35.5
         *         }
         *       ]
         *     }
         */
        MessageBatch: {
            /**
             * Format: uuid
             * @description A repeat is acknowledged and not counted again, on this and the following UTC day.
             */
            batchId?: string;
            messages: {
                duration_ms: number;
                /**
                 * @description Whose message it was; a label of the metric only.
                 * @enum {string}
                 */
                role?: "user" | "assistant";
            }[];
        };
        /**
         * @example {
         *       "accepted": 2,
         *       "duplicate": false,
         *       "requestId": "abc-123"
         *     }
         */
        MessageBatchAccepted: {
            /** @description Messages stored; 0 for a repeated batch. */
            accepted: number;
            duplicate: boolean;
            requestId: string;
        };
        NavigationMetric: {
            sessionId: string;
            fromPage: string;
            toPage: string;
            success: boolean;
            dataPreserved: boolean;
            /** @description Milliseconds. */
            duration: number;
            /** @description When it was measured; the time of receipt when left out. Over 5 minutes ahead is refused, over an hour ago is acknowledged and not stored. */
            timestamp?: string | number;
        };
        PersistenceMetric: {
            /** @enum {string} */
            operation: "save" | "restore" | "sync" | "delete" | "navigation";
            success: boolean;
            /** @description Milliseconds. */
            duration: number;
            sessionId?: string;
            conversationId?: string;
            /** @description Of a failure: 1 to 64 letters, digits, `_`, `.` and `-`; anything else counts as `other`. */
            errorType?: string;
            errorMessage?: string;
            metadata?: {
                messageCount?: number;
                /** @enum {string} */
                storageType?: "localStorage" | "parentStorage" | "enhanced";
                /** @description Bytes. */
                dataSize?: number;
                crossPage?: boolean;
                tabSync?: boolean;
            };
            /** @description When it was measured; the time of receipt when left out. Over 5 minutes ahead is refused, over an hour ago is acknowledged and not stored. */
            timestamp?: string | number;
        };
        RenderMetric: {
            messageId: string;
            /** @description Milliseconds. */
            renderTime: number;
            contentLength: number;
            hasMarkdown?: boolean;
            hasCodeBlocks?: boolean;
            /** @description When it was measured; the time of receipt when left out. Over 5 minutes ahead is refused, over an hour ago is acknowledged and not stored. */
            timestamp?: string | number;
        };
        /**
         * @example {
         *       "success": true,
         *       "alert": {
         *         "id": "b1f2c3d4-3c1e-4c5b-9a55-0d6c7a3f2b10",
         *         "orgKey": "acme",
         *         "severity": "warning",
         *         "category": "performance",
         *         "title": "Slow Message Renders",
         *         "message": "P95 render time is 18.52ms, above threshold of 16ms",
         *         "timestamp": "2026-02-13T09:58:00.000Z",
         *         "metadata": {
         *           "p95Time": 18.52,
         *           "threshold": 16,
         *           "slowRenders": 45,
         *           "totalRenders": 320
         *         },
         *         "resolved": true,
         *         "resolvedAt": "2026-02-13T10:05:00.000Z"
         *       }
         *     }
         */
        ResolvedAlert: {
            /** @constant */
            success: true;
            alert: {
                /** Format: uuid */
                id: string;
                /** @description Null for an alert of no organization. */
                orgKey: string | null;
                /** @enum {string} */
                severity: "info" | "warning" | "error" | "critical";
                category: string;
                title: string;
                message: string;
                /**
                 * Format: date-time
                 * @description When it began.
                 */
                timestamp: string;
                /** @description Values of the alert, by name. */
                metadata: {
                    [key: string]: unknown;
                };
                resolved: boolean;
                /** Format: date-time */
                resolvedAt: string | null;
            };
        };
        RestorationMetric: {
            sessionId: string;
            conversationId: string;
            success: boolean;
            /** @description Milliseconds. */
            duration: number;
            messagesRestored: number;
            /** @description Of a failure: 1 to 64 letters, digits, `_`, `.` and `-`; anything else counts as `other`. */
            errorType?: string;
            storageAdapter?: string;
            /** @description When it was measured; the time of receipt when left out. Over 5 minutes ahead is refused, over an hour ago is acknowledged and not stored. */
            timestamp?: string | number;
        };
        ScrollMetric: {
            fps: number;
            /** @description Milliseconds. */
            frameTime: number;
            jankFrames: number;
            totalFrames: number;
            scrollHeight?: number;
            messageCount?: number;
            /** @description When it was measured; the time of receipt when left out. Over 5 minutes ahead is refused, over an hour ago is acknowledged and not stored. */
            timestamp?: string | number;
        };
        ServiceHealth: {
            /** @constant */
            ok: true;
            /** @enum {string} */
            service: "exporter" | "api";
            /** Format: date-time */
            timestamp: string;
        };
        TabSyncMetric: {
            /** @enum {string} */
            operation: "broadcast" | "receive" | "reconcile";
            /** @description Milliseconds. */
            latency: number;
            /** @description Bytes. */
            dataSize: number;
            success: boolean;
            tabId?: string;
            /** @description When it was measured; the time of receipt when left out. Over 5 minutes ahead is refused, over an hour ago is acknowledged and not stored. */
            timestamp?: string | number;
        };
        /**
         * @example {
         *       "chatbot_id": "3f0c6a1e-5b1d-4c57-9f43-1d2a8c7b9e10",
         *       "active_sessions": 4,
         *       "timestamp": "2026-02-13T10:00:00.000Z"
         *     }
         */
        WidgetAnalyticsActive: {
            /** Format: uuid */
            chatbot_id: string;
            active_sessions: number;
            /** Format: date-time */
            timestamp: string;
        };
        /**
         * @example {
         *       "chatbotId": "3f0c1b52-3c1e-4c5b-9a55-0d6c7a3f2b10",
         *       "sessionId": "s-1",
         *       "anonymousId": "a-1",
         *       "context": {
         *         "referrer": "https://www.example.com/",
         *         "landing_page": "https://shop.example/?utm_source=google",
         *         "screen_width": 1280
         *       },
         *       "events": [
         *         {
         *           "event_name": "widget_opened",
         *           "event_category": "engagement",
         *           "event_id": "0198c5f0-7a5c-7cc2-8a3e-1f2d3c4b5a69",
         *           "client_timestamp": "2026-02-13T10:00:00.000Z",
         *           "properties": {
         *             "triggered_by": "manual"
         *           }
         *         }
         *       ]
         *     }
         */
        WidgetAnalyticsBatch: {
            /** Format: uuid */
            chatbotId: string;
            /** @description Made by the page, kept as long as the visit. */
            sessionId: string;
            /** @description Of the browser, across visits. The first one of a session stays. */
            anonymousId?: string;
            /** @description Who the visitor turned out to be. The last one wins as a whole. */
            user?: {
                id: string;
                email?: string;
                name?: string;
                metadata?: {
                    [key: string]: unknown;
                };
            };
            /** @description Where the visitor came from; later requests only fill what is still unknown. */
            context?: {
                referrer?: string;
                landing_page?: string;
                utm_source?: string;
                utm_medium?: string;
                utm_campaign?: string;
                utm_term?: string;
                utm_content?: string;
                screen_width?: number;
                screen_height?: number;
            };
            events: {
                event_name: string;
                event_category?: string;
                /** @description Up to 8 KiB as JSON. */
                properties?: {
                    [key: string]: unknown;
                };
                /**
                 * Format: uuid
                 * @description A repeat is acknowledged and not stored again. Send a UUID of version 7.
                 */
                event_id?: string;
                /**
                 * Format: date-time
                 * @description Taken as the time of the event when it is at most 24 hours old.
                 */
                client_timestamp?: string;
                page_url?: string;
                page_title?: string;
            }[];
        };
        /**
         * @example {
         *       "chatbot_id": "3f0c6a1e-5b1d-4c57-9f43-1d2a8c7b9e10",
         *       "period_days": 30,
         *       "devices": [
         *         {
         *           "type": "desktop",
         *           "count": 250
         *         },
         *         {
         *           "type": "mobile",
         *           "count": 162
         *         }
         *       ],
         *       "browsers": [
         *         {
         *           "name": "Chrome",
         *           "count": 301
         *         },
         *         {
         *           "name": "unknown",
         *           "count": 111
         *         }
         *       ],
         *       "operating_systems": [
         *         {
         *           "name": "Windows",
         *           "count": 250
         *         },
         *         {
         *           "name": "Android",
         *           "count": 162
         *         }
         *       ]
         *     }
         */
        WidgetAnalyticsDevices: {
            /** Format: uuid */
            chatbot_id: string;
            /** @description UTC days, today the last. */
            period_days: number;
            devices: {
                /** @enum {string} */
                type: "desktop" | "mobile" | "tablet";
                count: number;
            }[];
            /** @description The ten most frequent; `unknown` when the user agent did not say. */
            browsers: {
                name: string;
                count: number;
            }[];
            /** @description The ten most frequent; `unknown` when the user agent did not say. */
            operating_systems: {
                name: string;
                count: number;
            }[];
        };
        /**
         * @example {
         *       "chatbot_id": "3f0c6a1e-5b1d-4c57-9f43-1d2a8c7b9e10",
         *       "period_days": 7,
         *       "events": [
         *         {
         *           "event_name": "widget_loaded",
         *           "event_count": 412,
         *           "unique_sessions": 405
         *         },
         *         {
         *           "event_name": "message_sent",
         *           "event_count": 310,
         *           "unique_sessions": 97
         *         }
         *       ]
         *     }
         */
        WidgetAnalyticsEvents: {
            /** Format: uuid */
            chatbot_id: string;
            /** @description UTC days, today the last. */
            period_days: number;
            /** @description Most frequent first, then by name. */
            events: {
                event_name: string;
                event_count: number;
                /** @description Distinct over the whole period. */
                unique_sessions: number;
            }[];
        };
        /**
         * @example {
         *       "chatbot_id": "3f0c6a1e-5b1d-4c57-9f43-1d2a8c7b9e10",
         *       "period_days": 30,
         *       "scope": "session",
         *       "overall_conversion_rate": 12.5,
         *       "steps": [
         *         {
         *           "step": 1,
         *           "event_name": "widget_loaded",
         *           "count": 400,
         *           "conversion_rate": 100,
         *           "step_conversion_rate": 100,
         *           "drop_off": 0,
         *           "drop_off_rate": 0
         *         },
         *         {
         *           "step": 2,
         *           "event_name": "widget_opened",
         *           "count": 200,
         *           "conversion_rate": 50,
         *           "step_conversion_rate": 50,
         *           "drop_off": 200,
         *           "drop_off_rate": 50
         *         },
         *         {
         *           "step": 3,
         *           "event_name": "message_sent",
         *           "count": 50,
         *           "conversion_rate": 12.5,
         *           "step_conversion_rate": 25,
         *           "drop_off": 150,
         *           "drop_off_rate": 75
         *         }
         *       ]
         *     }
         */
        WidgetAnalyticsFunnel: {
            /** Format: uuid */
            chatbot_id: string;
            /** @description UTC days, today the last. */
            period_days: number;
            /** @enum {string} */
            scope: "session" | "visitor";
            /** @description Of those at the first step, how many reach the last one; in percent. */
            overall_conversion_rate: number;
            steps: {
                step: number;
                event_name: string;
                /** @description How many have an event for each step up to this one, in order. */
                count: number;
                /** @description Of those at the first step, in percent. */
                conversion_rate: number;
                /** @description Of those at the step before, in percent. */
                step_conversion_rate: number;
                /** @description How many reached the step before and not this one. */
                drop_off: number;
                /** @description In percent, two decimals; 0 of nothing. */
                drop_off_rate: number;
            }[];
        };
        /**
         * @example {
         *       "chatbot_id": "3f0c6a1e-5b1d-4c57-9f43-1d2a8c7b9e10",
         *       "period_days": 30,
         *       "summary": {
         *         "total_sessions": 412,
         *         "unique_visitors": 288,
         *         "total_conversations": 97,
         *         "avg_session_duration_seconds": 183.42,
         *         "conversion_rate": 23.54
         *       }
         *     }
         */
        WidgetAnalyticsSummary: {
            /** Format: uuid */
            chatbot_id: string;
            /** @description UTC days, today the last. */
            period_days: number;
            summary: {
                /** @description Sessions that started in the period. */
                total_sessions: number;
                /** @description Distinct over the whole period. */
                unique_visitors: number;
                /** @description Sessions with a message of the visitor. */
                total_conversations: number;
                /** @description Of the sessions that have ended, two decimals; 0 of none. */
                avg_session_duration_seconds: number;
                /** @description Conversations per session, in percent, two decimals. */
                conversion_rate: number;
            };
        };
        /**
         * @example {
         *       "chatbot_id": "3f0c6a1e-5b1d-4c57-9f43-1d2a8c7b9e10",
         *       "period_days": 30,
         *       "utm_sources": [
         *         {
         *           "source": "google",
         *           "count": 41
         *         }
         *       ],
         *       "referrers": [
         *         {
         *           "domain": "www.example.com",
         *           "count": 120
         *         },
         *         {
         *           "domain": "direct",
         *           "count": 2
         *         }
         *       ]
         *     }
         */
        WidgetAnalyticsTrafficSources: {
            /** Format: uuid */
            chatbot_id: string;
            /** @description UTC days, today the last. */
            period_days: number;
            /** @description Sessions by utm_source, most frequent first, then by name. */
            utm_sources: {
                source: string;
                count: number;
            }[];
            /** @description Sessions with a referrer, most frequent first, then by name. */
            referrers: {
                /** @description Host name of the referrer; `direct` when it is no URL. */
                domain: string;
                count: number;
            }[];
        };
        /**
         * @example {
         *       "chatbot_id": "3f0c6a1e-5b1d-4c57-9f43-1d2a8c7b9e10",
         *       "period_days": 2,
         *       "trends": [
         *         {
         *           "stat_date": "2026-02-13",
         *           "sessions": 12,
         *           "conversations": 3,
         *           "messages": 20,
         *           "conversion_rate": 25
         *         },
         *         {
         *           "stat_date": "2026-02-12",
         *           "sessions": 0,
         *           "conversations": 0,
         *           "messages": 0,
         *           "conversion_rate": 0
         *         }
         *       ]
         *     }
         */
        WidgetAnalyticsTrends: {
            /** Format: uuid */
            chatbot_id: string;
            /** @description UTC days, today the last. */
            period_days: number;
            /** @description Each day of the period, newest first. */
            trends: {
                /** Format: date */
                stat_date: string;
                sessions: number;
                conversations: number;
                messages: number;
                /** @description In percent, two decimals; 0 of nothing. */
                conversion_rate: number;
            }[];
        };
        WidgetDataSubject: {
            chatbot_id: string;
            subject: {
                /** @enum {string} */
                type: "user_id" | "anonymous_id";
                value: string;
            };
            /** Format: date-time */
            exported_at: string;
            visitors: {
                chatbot_id: string;
                anonymous_id: string;
                /** Format: date-time */
                first_seen_at: string;
                /** Format: date-time */
                last_seen_at: string;
            }[];
            sessions: {
                id: string;
                chatbot_id: string;
                session_id: string;
                anonymous_id: string | null;
                user_id: string | null;
                user_email: string | null;
                user_name: string | null;
                user_metadata: {
                    [key: string]: unknown;
                };
                /** Format: date-time */
                started_at: string;
                /** Format: date-time */
                last_activity_at: string;
                /** Format: date-time */
                ended_at: string | null;
                end_reason: ("client" | "timeout" | "max_age") | null;
                /** @description Null until the session has ended. */
                duration_seconds: number | null;
                referrer: string | null;
                landing_page: string | null;
                utm_source: string | null;
                utm_medium: string | null;
                utm_campaign: string | null;
                utm_term: string | null;
                utm_content: string | null;
                user_agent: string | null;
                browser_name: string | null;
                browser_version: string | null;
                os_name: string | null;
                os_version: string | null;
                /** @enum {string} */
                device_type: "desktop" | "mobile" | "tablet";
                screen_width: number | null;
                screen_height: number | null;
                /** @description The network of the visitor: /24 or /48. The address itself is never stored. */
                ip_address: string | null;
                country_code: string | null;
                city: string | null;
                messages_sent: number;
                messages_received: number;
                widget_opened_count: number;
                widget_minimized_count: number;
                avg_response_time_ms: number | null;
                had_conversation: boolean;
                completed_pre_chat_form: boolean;
                triggered_by: string | null;
                /** Format: date-time */
                created_at: string;
                /** Format: date-time */
                updated_at: string;
                response_time_sum_ms: number;
                response_time_count: number;
            }[];
            events: {
                chatbot_id: string;
                /** Format: date */
                event_date: string;
                id: string;
                session_id: string;
                /** Format: date-time */
                session_started_at: string;
                anonymous_id: string | null;
                user_id: string | null;
                event_name: string;
                event_category: string | null;
                properties: {
                    [key: string]: unknown;
                };
                page_url: string | null;
                page_title: string | null;
                seq: number;
                /** Format: date-time */
                timestamp: string;
                /** Format: date-time */
                client_timestamp: string | null;
                /** Format: date-time */
                created_at: string;
            }[];
        };
        WidgetDataSubjectDeletion: {
            chatbot_id: string;
            subject: {
                /** @enum {string} */
                type: "user_id" | "anonymous_id";
                value: string;
            };
            events_deleted: number;
            sessions_deleted: number;
            visitors_deleted: number;
        };
        /**
         * @example {
         *       "chatbotId": "3f0c1b52-3c1e-4c5b-9a55-0d6c7a3f2b10",
         *       "sessionId": "s-1",
         *       "error": {
         *         "message": "x is not a function",
         *         "url": "https://shop.example/",
         *         "line": 10,
         *         "column": 3,
         *         "widgetVersion": "2.1.0"
         *       }
         *     }
         */
        WidgetErrorReport: {
            /** Format: uuid */
            chatbotId: string;
            /** @description Made by the page, kept as long as the visit. */
            sessionId: string;
            error: {
                message?: string;
                stack?: string;
                widgetVersion?: string;
                userAgent?: string;
                url?: string;
                line?: number;
                column?: number;
                /** Format: date-time */
                timestamp?: string;
            };
        };
        /**
         * @example {
         *       "status": "NEEDS_ATTENTION",
         *       "lastSeenAt": "2026-02-06T12:00:00.000Z",
         *       "loads": {
         *         "total": 1234,
         *         "failures": 5
         *       },
         *       "domainMismatch": {
         *         "total": 2
         *       },
         *       "responseTime": {
         *         "p50": 45,
         *         "p95": 180
         *       },
         *       "reasons": [
         *         "DOMAIN_MISMATCH"
         *       ],
         *       "requestId": "abc-123"
         *     }
         */
        WidgetHealth: {
            /** @enum {string} */
            status: "NOT_CONNECTED" | "NEEDS_ATTENTION" | "OK";
            /**
             * Format: date-time
             * @description The latest successful load.
             */
            lastSeenAt: string | null;
            /** @description Since the organization exists. */
            loads: {
                total: number;
                failures: number;
            };
            /** @description Loads that the allowlist refused. */
            domainMismatch: {
                total: number;
            };
            /** @description In ms; null without a sample. */
            responseTime: {
                p50: number | null;
                p95: number | null;
            };
            /** @description Why the status is what it is; empty for OK. */
            reasons: ("NEVER_EMBEDDED" | "NEVER_SEEN" | "STALE" | "DOMAIN_MISMATCH" | "FAILURE_RATIO")[];
            requestId: string;
        };
        /**
         * @example {
         *       "totals": {
         *         "orgsTotal": 50,
         *         "connectedOrgs": 30,
         *         "loadsTotal": 100000,
         *         "failuresTotal": 150,
         *         "domainMismatchTotal": 20,
         *         "okCount": 25,
         *         "needsAttentionCount": 5,
         *         "notConnectedCount": 20
         *       },
         *       "topByFailures": [
         *         {
         *           "orgKey": "acme",
         *           "orgName": "Acme Corp",
         *           "failuresTotal": 80,
         *           "loadsTotal": 5000,
         *           "lastSeenAt": "2026-02-06T11:58:00.000Z"
         *         }
         *       ],
         *       "topByDomainMismatch": [
         *         {
         *           "orgKey": "beta",
         *           "orgName": "Beta Inc",
         *           "domainMismatchTotal": 12,
         *           "lastSeenAt": null
         *         }
         *       ],
         *       "lastSeenDistribution": {
         *         "never": 20,
         *         "lt1h": 10,
         *         "lt24h": 8,
         *         "lt7d": 7,
         *         "gte7d": 5
         *       },
         *       "requestId": "xyz-789"
         *     }
         */
        WidgetHealthSummary: {
            totals: {
                orgsTotal: number;
                connectedOrgs: number;
                loadsTotal: number;
                failuresTotal: number;
                domainMismatchTotal: number;
                okCount: number;
                needsAttentionCount: number;
                notConnectedCount: number;
            };
            topByFailures: {
                orgKey: string;
                orgName: string;
                failuresTotal: number;
                loadsTotal: number;
                /** Format: date-time */
                lastSeenAt: string | null;
            }[];
            topByDomainMismatch: {
                orgKey: string;
                orgName: string;
                domainMismatchTotal: number;
                /** Format: date-time */
                lastSeenAt: string | null;
            }[];
            /** @description Organizations by the age of their latest load. */
            lastSeenDistribution: {
                never: number;
                lt1h: number;
                lt24h: number;
                lt7d: number;
                gte7d: number;
            };
            requestId: string;
        };
        /**
         * @example {
         *       "chatbotId": "3f0c1b52-3c1e-4c5b-9a55-0d6c7a3f2b10",
         *       "batchId": "6a1e9a52-3c1e-4c5b-9a55-0d6c7a3f2b10",
         *       "metrics": [
         *         {
         *           "type": "render",
         *           "metric": {
         *             "messageId": "m1",
         *             "renderTime": 12.3,
         *             "contentLength": 256,
         *             "timestamp": "2026-02-13T10:00:00.000Z"
         *           }
         *         },
         *         {
         *           "type": "memory",
         *           "metric": {
         *             "heapUsed": 35232153,
         *             "heapTotal": 50000000
         *           }
         *         }
         *       ]
         *     }
         * @example {
         *       "chatbotId": "3f0c1b52-3c1e-4c5b-9a55-0d6c7a3f2b10",
         *       "type": "persistence",
         *       "metric": {
         *         "operation": "save",
         *         "success": false,
         *         "duration": 41,
         *         "errorType": "QuotaExceededError"
         *       }
         *     }
         */
        WidgetMetrics: ({
            /** Format: uuid */
            chatbotId: string;
            /**
             * Format: uuid
             * @description A repeat with the same id is acknowledged and not counted again.
             */
            batchId?: string;
            /** @constant */
            type: "persistence";
            metric: components["schemas"]["PersistenceMetric"];
        } | {
            /** Format: uuid */
            chatbotId: string;
            /**
             * Format: uuid
             * @description A repeat with the same id is acknowledged and not counted again.
             */
            batchId?: string;
            /** @constant */
            type: "restoration";
            metric: components["schemas"]["RestorationMetric"];
        } | {
            /** Format: uuid */
            chatbotId: string;
            /**
             * Format: uuid
             * @description A repeat with the same id is acknowledged and not counted again.
             */
            batchId?: string;
            /** @constant */
            type: "navigation";
            metric: components["schemas"]["NavigationMetric"];
        } | {
            /** Format: uuid */
            chatbotId: string;
            /**
             * Format: uuid
             * @description A repeat with the same id is acknowledged and not counted again.
             */
            batchId?: string;
            /** @constant */
            type: "render";
            metric: components["schemas"]["RenderMetric"];
        } | {
            /** Format: uuid */
            chatbotId: string;
            /**
             * Format: uuid
             * @description A repeat with the same id is acknowledged and not counted again.
             */
            batchId?: string;
            /** @constant */
            type: "scroll";
            metric: components["schemas"]["ScrollMetric"];
        } | {
            /** Format: uuid */
            chatbotId: string;
            /**
             * Format: uuid
             * @description A repeat with the same id is acknowledged and not counted again.
             */
            batchId?: string;
            /** @constant */
            type: "memory";
            metric: components["schemas"]["MemoryMetric"];
        } | {
            /** Format: uuid */
            chatbotId: string;
            /**
             * Format: uuid
             * @description A repeat with the same id is acknowledged and not counted again.
             */
            batchId?: string;
            /** @constant */
            type: "tabSync";
            metric: components["schemas"]["TabSyncMetric"];
        } | {
            /** Format: uuid */
            chatbotId: string;
            /**
             * Format: uuid
             * @description A repeat with the same id is acknowledged and not counted again.
             */
            batchId?: string;
            /** @constant */
            type: "api";
            metric: components["schemas"]["ApiCallMetric"];
        } | {
            /** Format: uuid */
            chatbotId: string;
            /**
             * Format: uuid
             * @description A repeat with the same id is acknowledged and not counted again.
             */
            batchId?: string;
            /** @constant */
            type: "bundle";
            metric: components["schemas"]["BundleMetric"];
        }) | {
            /** Format: uuid */
            chatbotId: string;
            /**
             * Format: uuid
             * @description A repeat with the same id is acknowledged and not counted again.
             */
            batchId?: string;
            metrics: ({
                /** @constant */
                type: "persistence";
                metric: components["schemas"]["PersistenceMetric"];
            } | {
                /** @constant */
                type: "restoration";
                metric: components["schemas"]["RestorationMetric"];
            } | {
                /** @constant */
                type: "navigation";
                metric: components["schemas"]["NavigationMetric"];
            } | {
                /** @constant */
                type: "render";
                metric: components["schemas"]["RenderMetric"];
            } | {
                /** @constant */
                type: "scroll";
                metric: components["schemas"]["ScrollMetric"];
            } | {
                /** @constant */
                type: "memory";
                metric: components["schemas"]["MemoryMetric"];
            } | {
                /** @constant */
                type: "tabSync";
                metric: components["schemas"]["TabSyncMetric"];
            } | {
                /** @constant */
                type: "api";
                metric: components["schemas"]["ApiCallMetric"];
            } | {
                /** @constant */
                type: "bundle";
                metric: components["schemas"]["BundleMetric"];
            })[];
        };
        /**
         * @example {
         *       "success": true,
         *       "accepted": 98,
         *       "ignored": 2,
         *       "duplicate": false,
         *       "timestamp": "2026-02-13T10:00:00.120Z"
         *     }
         * @example {
         *       "success": true,
         *       "type": "render",
         *       "timestamp": "2026-02-13T10:00:00.120Z"
         *     }
         */
        WidgetMetricsAccepted: {
            /** @constant */
            success: true;
            /** Format: date-time */
            timestamp: string;
            /** @enum {string} */
            type: "persistence" | "restoration" | "navigation" | "render" | "scroll" | "memory" | "tabSync" | "api" | "bundle";
        } | {
            /** @constant */
            success: true;
            /** Format: date-time */
            timestamp: string;
            /** @description Metrics stored. */
            accepted: number;
            /** @description Metrics that were measured over an hour ago, or all of them from a bot. */
            ignored: number;
            /** @description The batch was stored before; nothing was counted again. */
            duplicate: boolean;
        };
        /**
         * @example {
         *       "timestamp": "2026-02-13T10:00:00.000Z",
         *       "timeWindow": 300000,
         *       "health": {
         *         "overall": 95,
         *         "scores": {
         *           "persistence": 99,
         *           "performance": 92,
         *           "memory": 88,
         *           "api": 97
         *         },
         *         "status": "healthy"
         *       },
         *       "persistence": {
         *         "operations": {
         *           "total": 1250,
         *           "successful": 1238,
         *           "failed": 12,
         *           "successRate": 99.04,
         *           "avgDuration": 45.2
         *         },
         *         "performance": {
         *           "avgDuration": 45.2,
         *           "p50Duration": 38.1,
         *           "p95Duration": 120.4,
         *           "p99Duration": 180.9
         *         },
         *         "reliability": {
         *           "dataLossIncidents": 0,
         *           "errorsByType": {
         *             "SecurityError": 12
         *           }
         *         },
         *         "restoration": {
         *           "total": 80,
         *           "successRate": 100,
         *           "avgDuration": 152.3,
         *           "avgMessagesRestored": 12.5,
         *           "errorsByType": {}
         *         },
         *         "navigation": {
         *           "total": 40,
         *           "successCount": 40,
         *           "dataPreservedCount": 40,
         *           "dataLossCount": 0,
         *           "avgDuration": 30.1
         *         }
         *       },
         *       "performance": {
         *         "renders": {
         *           "count": 320,
         *           "avgTime": 8.3,
         *           "p95Time": 17.28,
         *           "slowRenders": 20,
         *           "slowRenderRate": 6.25
         *         },
         *         "scroll": {
         *           "avgFps": 58.2,
         *           "minFps": 49,
         *           "jankPercentage": 3.2
         *         },
         *         "memory": {
         *           "current": {
         *             "bytes": 35232153,
         *             "mb": 33.6
         *           },
         *           "peak": {
         *             "bytes": 41943040,
         *             "mb": 40
         *           },
         *           "average": {
         *             "bytes": 33554432,
         *             "mb": 32
         *           }
         *         },
         *         "tabSync": {
         *           "operations": 60,
         *           "avgLatency": 12.4,
         *           "p95Latency": 31.2,
         *           "failures": 0,
         *           "failureRate": 0
         *         },
         *         "api": {
         *           "totalCalls": 500,
         *           "avgDuration": 210.5,
         *           "p95Duration": 480.2,
         *           "errorRate": 0.6,
         *           "cacheHitRate": 62
         *         },
         *         "bundles": {
         *           "totalLoaded": 20,
         *           "totalSize": {
         *             "bytes": 4096000,
         *             "kb": 4000,
         *             "mb": 3.91
         *           },
         *           "avgLoadTime": 310.2,
         *           "cacheHitRate": 75
         *         }
         *       },
         *       "alerts": {
         *         "active": [
         *           {
         *             "id": "b1f2c3d4-3c1e-4c5b-9a55-0d6c7a3f2b10",
         *             "orgKey": "acme",
         *             "severity": "warning",
         *             "category": "performance",
         *             "title": "Slow Message Renders",
         *             "message": "P95 render time is 18.52ms, above threshold of 16ms",
         *             "timestamp": "2026-02-13T09:58:00.000Z",
         *             "metadata": {
         *               "p95Time": 18.52,
         *               "threshold": 16,
         *               "slowRenders": 45,
         *               "totalRenders": 320
         *             },
         *             "resolved": false,
         *             "resolvedAt": null
         *           }
         *         ],
         *         "stats": {
         *           "total": 4,
         *           "unresolved": 1,
         *           "bySeverity": {
         *             "info": 0,
         *             "warning": 3,
         *             "error": 0,
         *             "critical": 1
         *           },
         *           "byCategory": {
         *             "persistence": 1,
         *             "performance": 3,
         *             "memory": 0,
         *             "api": 0,
         *             "error_rate": 0,
         *             "scroll": 0,
         *             "tab_sync": 0
         *           }
         *         }
         *       }
         *     }
         */
        WidgetPerformance: {
            /**
             * Format: date-time
             * @description When the figures were read; they may be from a cache.
             */
            timestamp: string;
            timeWindow: number;
            health: {
                overall: number;
                scores: {
                    persistence: number;
                    performance: number;
                    memory: number;
                    api: number;
                };
                /** @enum {string} */
                status: "healthy" | "degraded" | "unhealthy";
            };
            persistence: {
                operations: {
                    total: number;
                    successful: number;
                    failed: number;
                    /** @description In percent, two decimals. */
                    successRate: number;
                    /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                    avgDuration: number;
                };
                performance: {
                    /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                    avgDuration: number;
                    /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                    p50Duration: number;
                    /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                    p95Duration: number;
                    /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                    p99Duration: number;
                };
                reliability: {
                    dataLossIncidents: number;
                    /** @description Failures that carried an error type, by type. */
                    errorsByType: {
                        [key: string]: number;
                    };
                };
                restoration: {
                    total: number;
                    /** @description In percent, two decimals. */
                    successRate: number;
                    /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                    avgDuration: number;
                    avgMessagesRestored: number;
                    /** @description Failures that carried an error type, by type. */
                    errorsByType: {
                        [key: string]: number;
                    };
                };
                navigation: {
                    total: number;
                    successCount: number;
                    dataPreservedCount: number;
                    dataLossCount: number;
                    /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                    avgDuration: number;
                };
            };
            performance: {
                renders: {
                    count: number;
                    /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                    avgTime: number;
                    /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                    p95Time: number;
                    slowRenders: number;
                    /** @description In percent, two decimals. */
                    slowRenderRate: number;
                };
                scroll: {
                    avgFps: number;
                    minFps: number;
                    /** @description In percent, two decimals. */
                    jankPercentage: number;
                };
                memory: {
                    current: {
                        bytes: number;
                        mb: number;
                    };
                    peak: {
                        bytes: number;
                        mb: number;
                    };
                    average: {
                        bytes: number;
                        mb: number;
                    };
                };
                tabSync: {
                    operations: number;
                    /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                    avgLatency: number;
                    /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                    p95Latency: number;
                    failures: number;
                    /** @description In percent, two decimals. */
                    failureRate: number;
                };
                api: {
                    totalCalls: number;
                    /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                    avgDuration: number;
                    /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                    p95Duration: number;
                    /** @description In percent, two decimals. */
                    errorRate: number;
                    /** @description In percent, two decimals. */
                    cacheHitRate: number;
                };
                bundles: {
                    totalLoaded: number;
                    totalSize: {
                        bytes: number;
                        kb: number;
                        mb: number;
                    };
                    /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                    avgLoadTime: number;
                    /** @description In percent, two decimals. */
                    cacheHitRate: number;
                };
            };
            alerts?: {
                /** @description Unresolved, newest first. */
                active: {
                    /** Format: uuid */
                    id: string;
                    /** @description Null for an alert of no organization. */
                    orgKey: string | null;
                    /** @enum {string} */
                    severity: "info" | "warning" | "error" | "critical";
                    category: string;
                    title: string;
                    message: string;
                    /**
                     * Format: date-time
                     * @description When it began.
                     */
                    timestamp: string;
                    /** @description Values of the alert, by name. */
                    metadata: {
                        [key: string]: unknown;
                    };
                    resolved: boolean;
                    /** Format: date-time */
                    resolvedAt: string | null;
                }[];
                /** @description Alerts that began in the last 30 days. */
                stats: {
                    total: number;
                    unresolved: number;
                    bySeverity: {
                        info: number;
                        warning: number;
                        error: number;
                        critical: number;
                    };
                    byCategory: {
                        persistence: number;
                        performance: number;
                        memory: number;
                        api: number;
                        error_rate: number;
                        scroll: number;
                        tab_sync: number;
                    } & {
                        [key: string]: number;
                    };
                };
            };
        };
        /**
         * @example {
         *       "success": true,
         *       "baseline": {
         *         "orgKey": "acme",
         *         "renderAvgMs": 8.3,
         *         "sampleCount": 320,
         *         "capturedAt": "2026-02-13T10:05:00.000Z"
         *       }
         *     }
         */
        WidgetPerformanceBaseline: {
            /** @constant */
            success: true;
            baseline: {
                orgKey: string;
                /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                renderAvgMs: number;
                sampleCount: number;
                /** Format: date-time */
                capturedAt: string;
            };
        };
        /**
         * @example {
         *       "timestamp": "2026-02-13T10:00:00.000Z",
         *       "timeWindow": 300000,
         *       "metrics": {
         *         "persistence": {
         *           "persistence": [
         *             {
         *               "minute": "2026-02-13T09:59:00.000Z",
         *               "chatbotId": "3f0c1b52-3c1e-4c5b-9a55-0d6c7a3f2b10",
         *               "operation": "save",
         *               "count": 12,
         *               "errors": 0,
         *               "avg": 44.1,
         *               "min": 20.5,
         *               "max": 90,
         *               "p50": 40.2,
         *               "p95": 88.1,
         *               "p99": 90
         *             }
         *           ],
         *           "restorations": [],
         *           "navigations": [],
         *           "stats": {
         *             "total": 12,
         *             "successRate": 100
         *           }
         *         },
         *         "performance": {
         *           "renders": [],
         *           "scrolls": [],
         *           "memory": [],
         *           "tabSync": [],
         *           "api": [],
         *           "bundles": []
         *         }
         *       },
         *       "alerts": []
         *     }
         */
        WidgetPerformanceExport: {
            /**
             * Format: date-time
             * @description When the figures were read; they may be from a cache.
             */
            timestamp: string;
            timeWindow: number;
            /** @description Per minute, ascending by minute, chatbot and operation. */
            metrics: {
                persistence: {
                    persistence: {
                        /** Format: date-time */
                        minute: string;
                        /** Format: uuid */
                        chatbotId: string;
                        count: number;
                        errors: number;
                        avg: number;
                        min: number;
                        max: number;
                        operation: string;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p50: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p95: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p99: number;
                    }[];
                    restorations: {
                        /** Format: date-time */
                        minute: string;
                        /** Format: uuid */
                        chatbotId: string;
                        count: number;
                        errors: number;
                        avg: number;
                        min: number;
                        max: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p50: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p95: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p99: number;
                        messagesRestored: number;
                    }[];
                    navigations: {
                        /** Format: date-time */
                        minute: string;
                        /** Format: uuid */
                        chatbotId: string;
                        count: number;
                        errors: number;
                        avg: number;
                        min: number;
                        max: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p50: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p95: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p99: number;
                        preserved: number;
                    }[];
                    stats: {
                        total: number;
                        /** @description In percent, two decimals. */
                        successRate: number;
                    };
                };
                performance: {
                    renders: {
                        /** Format: date-time */
                        minute: string;
                        /** Format: uuid */
                        chatbotId: string;
                        count: number;
                        errors: number;
                        avg: number;
                        min: number;
                        max: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p50: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p95: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p99: number;
                        slow: number;
                    }[];
                    scrolls: {
                        /** Format: date-time */
                        minute: string;
                        /** Format: uuid */
                        chatbotId: string;
                        count: number;
                        errors: number;
                        avg: number;
                        min: number;
                        max: number;
                        jankFrames: number;
                        totalFrames: number;
                    }[];
                    memory: {
                        /** Format: date-time */
                        minute: string;
                        /** Format: uuid */
                        chatbotId: string;
                        count: number;
                        errors: number;
                        avg: number;
                        min: number;
                        max: number;
                    }[];
                    tabSync: {
                        /** Format: date-time */
                        minute: string;
                        /** Format: uuid */
                        chatbotId: string;
                        count: number;
                        errors: number;
                        avg: number;
                        min: number;
                        max: number;
                        operation: string;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p50: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p95: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p99: number;
                    }[];
                    api: {
                        /** Format: date-time */
                        minute: string;
                        /** Format: uuid */
                        chatbotId: string;
                        count: number;
                        errors: number;
                        avg: number;
                        min: number;
                        max: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p50: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p95: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p99: number;
                        cached: number;
                    }[];
                    bundles: {
                        /** Format: date-time */
                        minute: string;
                        /** Format: uuid */
                        chatbotId: string;
                        count: number;
                        errors: number;
                        avg: number;
                        min: number;
                        max: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p50: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p95: number;
                        /** @description In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one. */
                        p99: number;
                        cached: number;
                        size: number;
                    }[];
                };
            };
            /** @description The newest 1000, resolved ones too. */
            alerts?: {
                /** Format: uuid */
                id: string;
                /** @description Null for an alert of no organization. */
                orgKey: string | null;
                /** @enum {string} */
                severity: "info" | "warning" | "error" | "critical";
                category: string;
                title: string;
                message: string;
                /**
                 * Format: date-time
                 * @description When it began.
                 */
                timestamp: string;
                /** @description Values of the alert, by name. */
                metadata: {
                    [key: string]: unknown;
                };
                resolved: boolean;
                /** Format: date-time */
                resolvedAt: string | null;
            }[];
        };
        WidgetSessions: {
            chatbot_id: string;
            page: number;
            limit: number;
            total: number;
            sessions: {
                id: string;
                chatbot_id: string;
                session_id: string;
                anonymous_id: string | null;
                user_id: string | null;
                user_email: string | null;
                user_name: string | null;
                user_metadata: {
                    [key: string]: unknown;
                };
                /** Format: date-time */
                started_at: string;
                /** Format: date-time */
                last_activity_at: string;
                /** Format: date-time */
                ended_at: string | null;
                end_reason: ("client" | "timeout" | "max_age") | null;
                /** @description Null until the session has ended. */
                duration_seconds: number | null;
                referrer: string | null;
                landing_page: string | null;
                utm_source: string | null;
                utm_medium: string | null;
                utm_campaign: string | null;
                utm_term: string | null;
                utm_content: string | null;
                user_agent: string | null;
                browser_name: string | null;
                browser_version: string | null;
                os_name: string | null;
                os_version: string | null;
                /** @enum {string} */
                device_type: "desktop" | "mobile" | "tablet";
                screen_width: number | null;
                screen_height: number | null;
                /** @description The network of the visitor: /24 or /48. The address itself is never stored. */
                ip_address: string | null;
                country_code: string | null;
                city: string | null;
                messages_sent: number;
                messages_received: number;
                widget_opened_count: number;
                widget_minimized_count: number;
                avg_response_time_ms: number | null;
                had_conversation: boolean;
                completed_pre_chat_form: boolean;
                triggered_by: string | null;
                /** Format: date-time */
                created_at: string;
                /** Format: date-time */
                updated_at: string;
            }[];
        };
        /**
         * @example {
         *       "success": true,
         *       "data": {
         *         "metrics": [
         *           {
         *             "id": "7f1c9a52-3c1e-4c5b-9a55-0d6c7a3f2b10",
         *             "operation": "search_products",
         *             "duration_ms": 2067,
         *             "success": true,
         *             "error_type": null,
         *             "error_message": null,
         *             "domain": "shop.example",
         *             "customer_config_id": "3d5f0c2e-9a41-4c0e-8d0b-52f5c1a7e611",
         *             "user_agent": null,
         *             "created_at": "2026-02-13T09:59:00.000Z"
         *           }
         *         ],
         *         "stats": {
         *           "total_operations": 17,
         *           "success_rate": 64.7,
         *           "avg_duration_ms": 833,
         *           "p50_duration_ms": 130,
         *           "p95_duration_ms": 2400,
         *           "p99_duration_ms": 2400,
         *           "operations_by_type": {
         *             "search_products": 8,
         *             "validate_coupon": 5,
         *             "add_to_cart": 4
         *           },
         *           "errors_by_type": {
         *             "ValidationError": 3,
         *             "CouponInvalid": 2,
         *             "NotFound": 1
         *           }
         *         },
         *         "filters": {
         *           "domain": "shop.example",
         *           "days": 7,
         *           "limit": 1
         *         }
         *       }
         *     }
         */
        WooCommerceAnalytics: {
            /** @constant */
            success: true;
            data: {
                /** @description The newest operations, at most `limit` of them. */
                metrics: {
                    /** Format: uuid */
                    id: string;
                    /** @enum {string} */
                    operation: "search_products" | "get_product_details" | "check_stock" | "get_stock_quantity" | "check_price" | "get_product_variations" | "get_product_categories" | "get_product_reviews" | "get_low_stock_products" | "check_order" | "get_shipping_info" | "get_shipping_methods" | "get_customer_orders" | "get_order_notes" | "check_refund_status" | "cancel_order" | "add_to_cart" | "get_cart" | "remove_from_cart" | "update_cart_quantity" | "apply_coupon_to_cart" | "get_payment_methods" | "validate_coupon" | "get_customer_insights" | "get_sales_report";
                    duration_ms: number;
                    success: boolean;
                    /** @description Null of a success. */
                    error_type: ("ValidationError" | "NotFound" | "OutOfStock" | "InvalidState" | "CouponInvalid" | "UpstreamError" | "Timeout" | "ConfigurationError" | "Unknown") | null;
                    error_message: string | null;
                    domain: string;
                    /**
                     * Format: uuid
                     * @description Null when the organization has no such shop set up.
                     */
                    customer_config_id: string | null;
                    user_agent: string | null;
                    /**
                     * Format: date-time
                     * @description When it ended.
                     */
                    created_at: string;
                }[];
                /** @description Of all operations of the period, whatever the limit. */
                stats: {
                    total_operations: number;
                    /** @description In percent; 0 of nothing. */
                    success_rate: number;
                    avg_duration_ms: number;
                    /** @description Within 1 % of the exact percentile; 0 of nothing. */
                    p50_duration_ms: number;
                    /** @description Within 1 % of the exact percentile; 0 of nothing. */
                    p95_duration_ms: number;
                    /** @description Within 1 % of the exact percentile; 0 of nothing. */
                    p99_duration_ms: number;
                    /** @description Most frequent first. */
                    operations_by_type: {
                        [key: string]: number;
                    };
                    /** @description Failures, most frequent first. */
                    errors_by_type: {
                        [key: string]: number;
                    };
                };
                filters: {
                    domain?: string;
                    /** @enum {string} */
                    operation?: "search_products" | "get_product_details" | "check_stock" | "get_stock_quantity" | "check_price" | "get_product_variations" | "get_product_categories" | "get_product_reviews" | "get_low_stock_products" | "check_order" | "get_shipping_info" | "get_shipping_methods" | "get_customer_orders" | "get_order_notes" | "check_refund_status" | "cancel_order" | "add_to_cart" | "get_cart" | "remove_from_cart" | "update_cart_quantity" | "apply_coupon_to_cart" | "get_payment_methods" | "validate_coupon" | "get_customer_insights" | "get_sales_report";
                    days: number;
                    limit: number;
                };
            };
        };
        /**
         * @example {
         *       "success": true,
         *       "data": {
         *         "total_errors": 4,
         *         "groups": [
         *           {
         *             "error_type": "ValidationError",
         *             "count": 3,
         *             "share": 75,
         *             "first_seen": "2026-02-10T08:00:00.000Z",
         *             "last_seen": "2026-02-13T09:00:00.000Z",
         *             "operations": [
         *               {
         *                 "operation": "add_to_cart",
         *                 "count": 2
         *               },
         *               {
         *                 "operation": "check_stock",
         *                 "count": 1
         *               }
         *             ],
         *             "domains": [
         *               {
         *                 "domain": "shop.example",
         *                 "count": 3
         *               }
         *             ],
         *             "messages": [
         *               {
         *                 "message": "product # not found",
         *                 "count": 2
         *               }
         *             ]
         *           },
         *           {
         *             "error_type": "Timeout",
         *             "count": 1,
         *             "share": 25,
         *             "first_seen": "2026-02-12T17:30:00.000Z",
         *             "last_seen": "2026-02-12T17:30:00.000Z",
         *             "operations": [
         *               {
         *                 "operation": "get_cart",
         *                 "count": 1
         *               }
         *             ],
         *             "domains": [
         *               {
         *                 "domain": "shop.example",
         *                 "count": 1
         *               }
         *             ],
         *             "messages": []
         *           }
         *         ],
         *         "filters": {
         *           "days": 7
         *         }
         *       }
         *     }
         */
        WooCommerceErrors: {
            /** @constant */
            success: true;
            data: {
                total_errors: number;
                groups: {
                    /** @enum {string} */
                    error_type: "ValidationError" | "NotFound" | "OutOfStock" | "InvalidState" | "CouponInvalid" | "UpstreamError" | "Timeout" | "ConfigurationError" | "Unknown";
                    count: number;
                    /** @description Of all failures, in percent. */
                    share: number;
                    /** Format: date-time */
                    first_seen: string;
                    /** Format: date-time */
                    last_seen: string;
                    operations: {
                        /** @enum {string} */
                        operation: "search_products" | "get_product_details" | "check_stock" | "get_stock_quantity" | "check_price" | "get_product_variations" | "get_product_categories" | "get_product_reviews" | "get_low_stock_products" | "check_order" | "get_shipping_info" | "get_shipping_methods" | "get_customer_orders" | "get_order_notes" | "check_refund_status" | "cancel_order" | "add_to_cart" | "get_cart" | "remove_from_cart" | "update_cart_quantity" | "apply_coupon_to_cart" | "get_payment_methods" | "validate_coupon" | "get_customer_insights" | "get_sales_report";
                        count: number;
                    }[];
                    domains: {
                        domain: string;
                        count: number;
                    }[];
                    /** @description The most frequent ones; runs of digits are folded to `#` first. */
                    messages: {
                        message: string;
                        count: number;
                    }[];
                }[];
                filters: {
                    domain?: string;
                    /** @enum {string} */
                    operation?: "search_products" | "get_product_details" | "check_stock" | "get_stock_quantity" | "check_price" | "get_product_variations" | "get_product_categories" | "get_product_reviews" | "get_low_stock_products" | "check_order" | "get_shipping_info" | "get_shipping_methods" | "get_customer_orders" | "get_order_notes" | "check_refund_status" | "cancel_order" | "add_to_cart" | "get_cart" | "remove_from_cart" | "update_cart_quantity" | "apply_coupon_to_cart" | "get_payment_methods" | "validate_coupon" | "get_customer_insights" | "get_sales_report";
                    days: number;
                };
            };
        };
        /**
         * @example {
         *       "success": true,
         *       "data": {
         *         "overall_status": "degraded",
         *         "healthy_domains": 1,
         *         "total_domains": 2,
         *         "health_checks": [
         *           {
         *             "domain": "old.example",
         *             "status": "error",
         *             "message": "HTTP 401",
         *             "response_time_ms": 120,
         *             "error_type": "ConfigurationError"
         *           },
         *           {
         *             "domain": "shop.example",
         *             "status": "healthy",
         *             "message": "API responding",
         *             "response_time_ms": 312,
         *             "woocommerce_url": "https://shop.example"
         *           }
         *         ]
         *       }
         *     }
         * @example {
         *       "success": false,
         *       "message": "No WooCommerce store configured",
         *       "data": {
         *         "configured_domains": [],
         *         "health_checks": []
         *       }
         *     }
         */
        WooCommerceHealth: {
            /** @constant */
            success: true;
            data: {
                /** @enum {string} */
                overall_status: "healthy" | "degraded" | "critical";
                healthy_domains: number;
                total_domains: number;
                health_checks: {
                    domain: string;
                    /** @enum {string} */
                    status: "healthy" | "error";
                    message: string;
                    response_time_ms: number;
                    /** @description Of a shop that answers. */
                    woocommerce_url?: string;
                    /**
                     * @description Of a shop that does not.
                     * @enum {string}
                     */
                    error_type?: "ValidationError" | "NotFound" | "OutOfStock" | "InvalidState" | "CouponInvalid" | "UpstreamError" | "Timeout" | "ConfigurationError" | "Unknown";
                }[];
            };
        } | {
            /**
             * @description No shop matches.
             * @constant
             */
            success: false;
            message: string;
            data: {
                configured_domains: string[];
                health_checks: {
                    domain: string;
                    /** @enum {string} */
                    status: "healthy" | "error";
                    message: string;
                    response_time_ms: number;
                    /** @description Of a shop that answers. */
                    woocommerce_url?: string;
                    /**
                     * @description Of a shop that does not.
                     * @enum {string}
                     */
                    error_type?: "ValidationError" | "NotFound" | "OutOfStock" | "InvalidState" | "CouponInvalid" | "UpstreamError" | "Timeout" | "ConfigurationError" | "Unknown";
                }[];
            };
        };
        /**
         * @example {
         *       "id": "7f1c9a52-3c1e-4c5b-9a55-0d6c7a3f2b10",
         *       "operation": "search_products",
         *       "duration_ms": 412.7,
         *       "success": true,
         *       "domain": "shop.example",
         *       "created_at": "2026-02-13T09:59:00.000Z"
         *     }
         * @example {
         *       "operation": "check_order",
         *       "duration_ms": 131,
         *       "success": false,
         *       "domain": "https://shop.example/",
         *       "error_type": "NotFound",
         *       "error_message": "no order 4711"
         *     }
         */
        WooCommerceOperation: {
            /**
             * Format: uuid
             * @description A repeat with the same `id` and `created_at` is a duplicate; without an id it is stored again.
             */
            id?: string | null;
            /**
             * @description One of the 25 operations.
             * @enum {string}
             */
            operation: "search_products" | "get_product_details" | "check_stock" | "get_stock_quantity" | "check_price" | "get_product_variations" | "get_product_categories" | "get_product_reviews" | "get_low_stock_products" | "check_order" | "get_shipping_info" | "get_shipping_methods" | "get_customer_orders" | "get_order_notes" | "check_refund_status" | "cancel_order" | "add_to_cart" | "get_cart" | "remove_from_cart" | "update_cart_quantity" | "apply_coupon_to_cart" | "get_payment_methods" | "validate_coupon" | "get_customer_insights" | "get_sales_report";
            /** @description Wall time; rounded to whole milliseconds. */
            duration_ms: number;
            success: boolean;
            /**
             * @description Host name of the shop. A URL is cut to its host name, in lower case.
             * @example shop.example
             */
            domain: string;
            /** @description Of a failure: an error type, or the name of an error, which is mapped to one; anything else is `Unknown`. */
            error_type?: string | null;
            /** @description Of a failure: cut to 1000 characters, e-mail addresses replaced. */
            error_message?: string | null;
            /** @description Cut to 512 characters. */
            user_agent?: string | null;
            /**
             * Format: date-time
             * @description When it ended. Over 7 days ago or over 5 minutes ahead, the time of receipt is stored.
             */
            created_at?: string | null;
        };
        /**
         * @example {
         *       "operations": [
         *         {
         *           "id": "7f1c9a52-3c1e-4c5b-9a55-0d6c7a3f2b10",
         *           "operation": "search_products",
         *           "duration_ms": 412.7,
         *           "success": true,
         *           "domain": "shop.example",
         *           "created_at": "2026-02-13T09:59:00.000Z"
         *         },
         *         {
         *           "operation": "check_order",
         *           "duration_ms": 131,
         *           "success": false,
         *           "domain": "https://shop.example/",
         *           "error_type": "NotFound",
         *           "error_message": "no order 4711"
         *         }
         *       ]
         *     }
         */
        WooCommerceOperationBatch: {
            /** @description Judged one by one: a bad one is listed in the answer, the others are stored. */
            operations: components["schemas"]["WooCommerceOperation"][];
        };
        /**
         * @example {
         *       "success": true,
         *       "data": {
         *         "accepted": 2,
         *         "duplicates": 1,
         *         "rejected": [
         *           {
         *             "index": 3,
         *             "code": "UnknownOperation",
         *             "message": "unknown operation: list_everything"
         *           }
         *         ]
         *       }
         *     }
         */
        WooCommerceOperationsAccepted: {
            /** @constant */
            success: true;
            data: {
                /** @description Operations stored. */
                accepted: number;
                /** @description Operations whose id is known: stored before, or twice in this body. */
                duplicates: number;
                /** @description Operations that were not stored, by index. Sending one again as it is changes nothing. */
                rejected: {
                    /** @description Position in the body. */
                    index: number;
                    /** @enum {string} */
                    code: "UnknownOperation" | "ValidationError" | "ROW_REFUSED";
                    message: string;
                }[];
            };
        };
        /**
         * @example {
         *       "success": true,
         *       "data": {
         *         "weeks": [
         *           {
         *             "week": 0,
         *             "from": "2026-02-07",
         *             "to": "2026-02-13",
         *             "total_operations": 120,
         *             "success_rate": 95.8,
         *             "avg_duration_ms": 640,
         *             "p50_duration_ms": 408,
         *             "p95_duration_ms": 2101,
         *             "p99_duration_ms": 2893
         *           },
         *           {
         *             "week": 1,
         *             "from": "2026-01-31",
         *             "to": "2026-02-06",
         *             "total_operations": 100,
         *             "success_rate": 94,
         *             "avg_duration_ms": 700,
         *             "p50_duration_ms": 450,
         *             "p95_duration_ms": 2187,
         *             "p99_duration_ms": 3072
         *           }
         *         ],
         *         "change": {
         *           "total_operations_pct": 20,
         *           "success_rate_points": 1.8,
         *           "avg_duration_pct": -8.6,
         *           "p95_duration_pct": -3.9
         *         },
         *         "by_operation": [
         *           {
         *             "operation": "search_products",
         *             "current": 60,
         *             "previous": 50,
         *             "change_pct": 20
         *           },
         *           {
         *             "operation": "get_cart",
         *             "current": 40,
         *             "previous": 50,
         *             "change_pct": -20
         *           },
         *           {
         *             "operation": "check_order",
         *             "current": 20,
         *             "previous": 0,
         *             "change_pct": null
         *           }
         *         ],
         *         "filters": {
         *           "weeks": 2
         *         }
         *       }
         *     }
         */
        WooCommerceTrends: {
            /** @constant */
            success: true;
            data: {
                /** @description Seven UTC days each, both ends included; week 0 ends today. */
                weeks: {
                    week: number;
                    /** Format: date */
                    from: string;
                    /** Format: date */
                    to: string;
                    total_operations: number;
                    /** @description In percent; 0 of nothing. */
                    success_rate: number;
                    avg_duration_ms: number;
                    /** @description Within 1 % of the exact percentile; 0 of nothing. */
                    p50_duration_ms: number;
                    /** @description Within 1 % of the exact percentile; 0 of nothing. */
                    p95_duration_ms: number;
                    /** @description Within 1 % of the exact percentile; 0 of nothing. */
                    p99_duration_ms: number;
                }[];
                /** @description Week 0 against week 1; null when there is nothing to compare with. */
                change: {
                    total_operations_pct: number | null;
                    success_rate_points: number | null;
                    avg_duration_pct: number | null;
                    p95_duration_pct: number | null;
                };
                by_operation: {
                    /** @enum {string} */
                    operation: "search_products" | "get_product_details" | "check_stock" | "get_stock_quantity" | "check_price" | "get_product_variations" | "get_product_categories" | "get_product_reviews" | "get_low_stock_products" | "check_order" | "get_shipping_info" | "get_shipping_methods" | "get_customer_orders" | "get_order_notes" | "check_refund_status" | "cancel_order" | "add_to_cart" | "get_cart" | "remove_from_cart" | "update_cart_quantity" | "apply_coupon_to_cart" | "get_payment_methods" | "validate_coupon" | "get_customer_insights" | "get_sales_report";
                    current: number;
                    previous: number;
                    change_pct: number | null;
                }[];
                filters: {
                    domain?: string;
                    /** @enum {string} */
                    operation?: "search_products" | "get_product_details" | "check_stock" | "get_stock_quantity" | "check_price" | "get_product_variations" | "get_product_categories" | "get_product_reviews" | "get_low_stock_products" | "check_order" | "get_shipping_info" | "get_shipping_methods" | "get_customer_orders" | "get_order_notes" | "check_refund_status" | "cancel_order" | "add_to_cart" | "get_cart" | "remove_from_cart" | "update_cart_quantity" | "apply_coupon_to_cart" | "get_payment_methods" | "validate_coupon" | "get_customer_insights" | "get_sales_report";
                    weeks: number;
                };
            };
        };
    };
    responses: {
        /** @description Not Found: `ALERT_NOT_FOUND`, `ORG_NOT_FOUND` */
        "ALERT_NOT_FOUND.ORG_NOT_FOUND": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "ALERT_NOT_FOUND" | "ORG_NOT_FOUND";
                    };
                };
            };
        };
        /** @description Not Found: `CHATBOT_NOT_FOUND` */
        CHATBOT_NOT_FOUND: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "CHATBOT_NOT_FOUND";
                    };
                };
            };
        };
        /** @description Not Found: `CHATBOT_NOT_FOUND`, `ORG_NOT_FOUND` */
        "CHATBOT_NOT_FOUND.ORG_NOT_FOUND": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "CHATBOT_NOT_FOUND" | "ORG_NOT_FOUND";
                    };
                };
            };
        };
        /** @description Forbidden: `CSRF_REJECTED`, `FORBIDDEN`, `ORG_DEACTIVATED` */
        "CSRF_REJECTED.FORBIDDEN.ORG_DEACTIVATED": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "CSRF_REJECTED" | "FORBIDDEN" | "ORG_DEACTIVATED";
                    };
                };
            };
        };
        /** @description Service Unavailable: `DATABASE_UNAVAILABLE`, `INGEST_OVERLOADED`, `SHUTTING_DOWN` */
        "DATABASE_UNAVAILABLE.INGEST_OVERLOADED.SHUTTING_DOWN": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "DATABASE_UNAVAILABLE" | "INGEST_OVERLOADED" | "SHUTTING_DOWN";
                    };
                };
            };
        };
        /** @description Service Unavailable: `DATABASE_UNAVAILABLE`, `INGEST_OVERLOADED`, `SHUTTING_DOWN`, `WEBHOOK_NOT_CONFIGURED` */
        "DATABASE_UNAVAILABLE.INGEST_OVERLOADED.SHUTTING_DOWN.WEBHOOK_NOT_CONFIGURED": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                /** @description Seconds after which to send it again */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "DATABASE_UNAVAILABLE" | "INGEST_OVERLOADED" | "SHUTTING_DOWN" | "WEBHOOK_NOT_CONFIGURED";
                    };
                };
            };
        };
        /** @description Service Unavailable: `DATABASE_UNAVAILABLE`, `SHUTTING_DOWN` */
        "DATABASE_UNAVAILABLE.SHUTTING_DOWN": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "DATABASE_UNAVAILABLE" | "SHUTTING_DOWN";
                    };
                };
            };
        };
        /** @description Forbidden: `DOMAIN_NOT_ALLOWED`, `ORIGIN_MISSING` */
        "DOMAIN_NOT_ALLOWED.ORIGIN_MISSING": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "DOMAIN_NOT_ALLOWED" | "ORIGIN_MISSING";
                    };
                };
            };
        };
        /** @description Forbidden: `FORBIDDEN` */
        FORBIDDEN: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "FORBIDDEN";
                    };
                };
            };
        };
        /** @description Forbidden: `FORBIDDEN`, `ORG_DEACTIVATED` */
        "FORBIDDEN.ORG_DEACTIVATED": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "FORBIDDEN" | "ORG_DEACTIVATED";
                    };
                };
            };
        };
        /** @description Internal Server Error: `INTERNAL_ERROR` */
        INTERNAL_ERROR: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "INTERNAL_ERROR";
                    };
                };
            };
        };
        /** @description Unauthorized: `INVALID_INGEST_KEY` */
        INVALID_INGEST_KEY: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "INVALID_INGEST_KEY";
                    };
                };
            };
        };
        /** @description Bad Request: `INVALID_JSON`, `VALIDATION_ERROR` */
        "INVALID_JSON.VALIDATION_ERROR": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "INVALID_JSON" | "VALIDATION_ERROR";
                    };
                };
            };
        };
        /** @description Conflict: `NOT_ENOUGH_DATA` */
        NOT_ENOUGH_DATA: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "NOT_ENOUGH_DATA";
                    };
                };
            };
        };
        /** @description Not Found: `NOT_FOUND` */
        NOT_FOUND: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "NOT_FOUND";
                    };
                };
            };
        };
        /** @description Not Found: `NOT_FOUND`, `ORG_NOT_FOUND` */
        "NOT_FOUND.ORG_NOT_FOUND": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "NOT_FOUND" | "ORG_NOT_FOUND";
                    };
                };
            };
        };
        /** @description Not Found: `ORG_NOT_FOUND` */
        ORG_NOT_FOUND: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "ORG_NOT_FOUND";
                    };
                };
            };
        };
        /** @description Forbidden: `ORIGIN_NOT_ALLOWED` */
        ORIGIN_NOT_ALLOWED: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "ORIGIN_NOT_ALLOWED";
                    };
                };
            };
        };
        /** @description Payload Too Large: `PAYLOAD_TOO_LARGE` */
        PAYLOAD_TOO_LARGE: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "PAYLOAD_TOO_LARGE";
                    };
                };
            };
        };
        /** @description Too Many Requests: `RATE_LIMITED` */
        RATE_LIMITED: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "RateLimit-Reset": components["headers"]["RateLimitReset"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "RATE_LIMITED";
                    };
                };
            };
        };
        /** @description Unprocessable Entity: `ROW_REFUSED` */
        ROW_REFUSED: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "ROW_REFUSED";
                    };
                };
            };
        };
        /** @description Service Unavailable: `SHUTTING_DOWN` */
        SHUTTING_DOWN: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "SHUTTING_DOWN";
                    };
                };
            };
        };
        /** @description Unauthorized: `TOKEN_EXPIRED`, `UNAUTHENTICATED` */
        "TOKEN_EXPIRED.UNAUTHENTICATED": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "TOKEN_EXPIRED" | "UNAUTHENTICATED";
                    };
                };
            };
        };
        /** @description Unauthorized: `UNAUTHENTICATED` */
        UNAUTHENTICATED: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "UNAUTHENTICATED";
                    };
                };
            };
        };
        /** @description Unsupported Media Type: `UNSUPPORTED_MEDIA_TYPE` */
        UNSUPPORTED_MEDIA_TYPE: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "UNSUPPORTED_MEDIA_TYPE";
                    };
                };
            };
        };
        /** @description Bad Request: `VALIDATION_ERROR` */
        VALIDATION_ERROR: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"] & {
                    error?: {
                        /** @enum {string} */
                        code?: "VALIDATION_ERROR";
                    };
                };
            };
        };
        /** @description Service Unavailable: `unavailable` */
        "v1.DATABASE_UNAVAILABLE.INGEST_OVERLOADED.SHUTTING_DOWN": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["MarketingError"];
            };
        };
        /** @description Service Unavailable: `unavailable`, `admin_auth_not_configured` */
        "v1.DATABASE_UNAVAILABLE.SHUTTING_DOWN.admin_auth_not_configured": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                /** @description Seconds after which to send it again */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["MarketingError"];
            };
        };
        /** @description Internal Server Error: `internal_error` */
        "v1.INTERNAL_ERROR": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["MarketingError"];
            };
        };
        /** @description Bad Request: `invalid_json`, `invalid_request` */
        "v1.INVALID_JSON.VALIDATION_ERROR": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["MarketingError"];
            };
        };
        /** @description Not Found: `not_found` */
        "v1.NOT_FOUND": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["MarketingError"];
            };
        };
        /** @description Forbidden: `origin_not_allowed` */
        "v1.ORIGIN_NOT_ALLOWED": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["MarketingError"];
            };
        };
        /** @description Payload Too Large: `payload_too_large` */
        "v1.PAYLOAD_TOO_LARGE": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["MarketingError"];
            };
        };
        /** @description Too Many Requests: `rate_limited` */
        "v1.RATE_LIMITED": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "RateLimit-Reset": components["headers"]["RateLimitReset"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["MarketingError"];
            };
        };
        /** @description Unprocessable Entity: `row_refused` */
        "v1.ROW_REFUSED": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["MarketingError"];
            };
        };
        /** @description Unsupported Media Type: `unsupported_media_type` */
        "v1.UNSUPPORTED_MEDIA_TYPE": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["MarketingError"];
            };
        };
        /** @description Bad Request: `invalid_request` */
        "v1.VALIDATION_ERROR": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["MarketingError"];
            };
        };
        /** @description Unauthorized: `unauthorized` */
        "v1.unauthorized": {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["MarketingError"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: {
        /** @description The x-request-id of the request, or one that was made for it */
        RequestId: string;
        /** @description Requests that a minute allows */
        RateLimitLimit: number;
        /** @description Requests that are left in this minute */
        RateLimitRemaining: number;
        /** @description Seconds until the minute ends */
        RateLimitReset: number;
        /** @description Seconds after which to send it again */
        RetryAfter: number;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getWidgetAnalyticsActiveSessions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A chatbot of the own organization. */
                chatbotId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetAnalyticsActive"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["NOT_FOUND.ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    exportWidgetDataSubject: {
        parameters: {
            query?: {
                /** @description The id that `user.id` carried. Exactly one of the two. */
                user_id?: string;
                /** @description The id that `anonymousId` carried. */
                anonymous_id?: string;
            };
            header?: never;
            path: {
                chatbotId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetDataSubject"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["NOT_FOUND.ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    deleteWidgetDataSubject: {
        parameters: {
            query?: {
                /** @description The id that `user.id` carried. Exactly one of the two. */
                user_id?: string;
                /** @description The id that `anonymousId` carried. */
                anonymous_id?: string;
            };
            header?: never;
            path: {
                chatbotId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetDataSubjectDeletion"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["CSRF_REJECTED.FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["NOT_FOUND.ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getWidgetAnalyticsDevices: {
        parameters: {
            query?: {
                /** @description UTC days, today the last. */
                days?: number;
            };
            header?: never;
            path: {
                /** @description A chatbot of the own organization. */
                chatbotId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetAnalyticsDevices"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["NOT_FOUND.ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getWidgetAnalyticsEvents: {
        parameters: {
            query?: {
                /** @description UTC days, today the last. */
                days?: number;
                limit?: number;
            };
            header?: never;
            path: {
                /** @description A chatbot of the own organization. */
                chatbotId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetAnalyticsEvents"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["NOT_FOUND.ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    exportWidgetData: {
        parameters: {
            query: {
                dataset: "events" | "sessions";
                format?: "csv" | "ndjson";
                days?: number;
            };
            header?: never;
            path: {
                chatbotId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rows */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    /** @description Always an attachment, with a name for the file */
                    "Content-Disposition": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                    "text/csv": string;
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["NOT_FOUND.ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getWidgetAnalyticsFunnel: {
        parameters: {
            query: {
                /** @description 2 to 10 event names, separated by commas, such as `widget_loaded,widget_opened,message_sent`. */
                steps: string[];
                /** @description What goes through the steps. Events without an anonymous id belong to no visitor. */
                scope?: "session" | "visitor";
                /** @description UTC days, today the last. */
                days?: number;
            };
            header?: never;
            path: {
                /** @description A chatbot of the own organization. */
                chatbotId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetAnalyticsFunnel"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["NOT_FOUND.ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    listWidgetSessions: {
        parameters: {
            query?: {
                page?: number;
                limit?: number;
            };
            header?: never;
            path: {
                chatbotId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetSessions"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["NOT_FOUND.ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getWidgetAnalyticsSummary: {
        parameters: {
            query?: {
                /** @description UTC days, today the last. */
                days?: number;
            };
            header?: never;
            path: {
                /** @description A chatbot of the own organization. */
                chatbotId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetAnalyticsSummary"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["NOT_FOUND.ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getWidgetAnalyticsTrafficSources: {
        parameters: {
            query?: {
                /** @description UTC days, today the last. */
                days?: number;
            };
            header?: never;
            path: {
                /** @description A chatbot of the own organization. */
                chatbotId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetAnalyticsTrafficSources"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["NOT_FOUND.ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getWidgetAnalyticsTrends: {
        parameters: {
            query?: {
                /** @description UTC days, today the last. */
                days?: number;
            };
            header?: never;
            path: {
                /** @description A chatbot of the own organization. */
                chatbotId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetAnalyticsTrends"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["NOT_FOUND.ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getBootloader: {
        parameters: {
            query?: {
                /** @description As `x-site-id`, for callers that set no headers. */
                siteId?: string;
                /**
                 * @description As `x-org-key`.
                 * @example demo
                 */
                orgKey?: string;
            };
            header?: {
                /** @description Site id of the organization. Wins over all others. */
                "x-site-id"?: string;
                /** @description Key of the organization, for callers without a site id. */
                "x-org-key"?: string;
                /** @description The page that embeds the widget; browsers send it by themselves. Its host must be on the allowlist. */
                origin?: string;
                /** @description Stands in for a missing `Origin`. */
                referer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BootloaderAnswer"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            403: components["responses"]["DOMAIN_NOT_ALLOWED.ORIGIN_MISSING"];
            404: components["responses"]["ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getWidgetPerformance: {
        parameters: {
            query?: {
                /** @description Milliseconds up to now. */
                window?: number;
                format?: "json" | "export";
                /** @description `false` leaves the alerts out; anything else does not. */
                alerts?: string;
                /** @description Of this chatbot only. */
                chatbotId?: string;
                /** @description Key of an organization. For administrators only. */
                orgKey?: string;
                /** @description Whose alerts. */
                feature?: "widget-health" | "widget-analytics" | "widget-performance" | "marketing" | "woocommerce" | "pipeline" | "all";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Statistics, or their export */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    /** @description The health score over all, 0 to 100 */
                    "X-Widget-Health": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetPerformance"] | components["schemas"]["WidgetPerformanceExport"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["CHATBOT_NOT_FOUND.ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    addWidgetMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WidgetMetrics"];
                "text/plain": string;
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetMetricsAccepted"];
                };
            };
            400: components["responses"]["INVALID_JSON.VALIDATION_ERROR"];
            403: components["responses"]["ORIGIN_NOT_ALLOWED"];
            404: components["responses"]["CHATBOT_NOT_FOUND"];
            413: components["responses"]["PAYLOAD_TOO_LARGE"];
            415: components["responses"]["UNSUPPORTED_MEDIA_TYPE"];
            422: components["responses"]["ROW_REFUSED"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.INGEST_OVERLOADED.SHUTTING_DOWN"];
        };
    };
    resolveAlert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResolvedAlert"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["CSRF_REJECTED.FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["ALERT_NOT_FOUND.ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    captureRenderBaseline: {
        parameters: {
            query?: {
                /** @description Key of an organization. For administrators only. */
                orgKey?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetPerformanceBaseline"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["CSRF_REJECTED.FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["ORG_NOT_FOUND"];
            409: components["responses"]["NOT_ENOUGH_DATA"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getWooCommerceAnalytics: {
        parameters: {
            query?: {
                /** @description Of this shop only: its host name, or a URL that holds it. */
                domain?: string;
                /** @description Of this operation only. */
                operation?: "search_products" | "get_product_details" | "check_stock" | "get_stock_quantity" | "check_price" | "get_product_variations" | "get_product_categories" | "get_product_reviews" | "get_low_stock_products" | "check_order" | "get_shipping_info" | "get_shipping_methods" | "get_customer_orders" | "get_order_notes" | "check_refund_status" | "cancel_order" | "add_to_cart" | "get_cart" | "remove_from_cart" | "update_cart_quantity" | "apply_coupon_to_cart" | "get_payment_methods" | "validate_coupon" | "get_customer_insights" | "get_sales_report";
                days?: number;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WooCommerceAnalytics"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getWooCommerceErrors: {
        parameters: {
            query?: {
                /** @description Of this shop only: its host name, or a URL that holds it. */
                domain?: string;
                /** @description Of this operation only. */
                operation?: "search_products" | "get_product_details" | "check_stock" | "get_stock_quantity" | "check_price" | "get_product_variations" | "get_product_categories" | "get_product_reviews" | "get_low_stock_products" | "check_order" | "get_shipping_info" | "get_shipping_methods" | "get_customer_orders" | "get_order_notes" | "check_refund_status" | "cancel_order" | "add_to_cart" | "get_cart" | "remove_from_cart" | "update_cart_quantity" | "apply_coupon_to_cart" | "get_payment_methods" | "validate_coupon" | "get_customer_insights" | "get_sales_report";
                days?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WooCommerceErrors"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getWooCommerceHealth: {
        parameters: {
            query?: {
                /** @description Of this shop only: its host name, or a URL that holds it. */
                domain?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WooCommerceHealth"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getWooCommerceTrends: {
        parameters: {
            query?: {
                /** @description Of this shop only: its host name, or a URL that holds it. */
                domain?: string;
                /** @description Of this operation only. */
                operation?: "search_products" | "get_product_details" | "check_stock" | "get_stock_quantity" | "check_price" | "get_product_variations" | "get_product_categories" | "get_product_reviews" | "get_low_stock_products" | "check_order" | "get_shipping_info" | "get_shipping_methods" | "get_customer_orders" | "get_order_notes" | "check_refund_status" | "cancel_order" | "add_to_cart" | "get_cart" | "remove_from_cart" | "update_cart_quantity" | "apply_coupon_to_cart" | "get_payment_methods" | "validate_coupon" | "get_customer_insights" | "get_sales_report";
                weeks?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WooCommerceTrends"];
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getDocumentation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description HTML */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["SHUTTING_DOWN"];
        };
    };
    getDocumentationFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/css": string;
                    "text/javascript": string;
                    "image/png": string;
                };
            };
            400: components["responses"]["VALIDATION_ERROR"];
            404: components["responses"]["NOT_FOUND"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["SHUTTING_DOWN"];
        };
    };
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    deliverAlerts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AlertmanagerWebhook"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertsStored"];
                };
            };
            400: components["responses"]["INVALID_JSON.VALIDATION_ERROR"];
            401: components["responses"]["UNAUTHENTICATED"];
            413: components["responses"]["PAYLOAD_TOO_LARGE"];
            415: components["responses"]["UNSUPPORTED_MEDIA_TYPE"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.INGEST_OVERLOADED.SHUTTING_DOWN.WEBHOOK_NOT_CONFIGURED"];
        };
    };
    reportMessageDurations: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MessageBatch"];
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageBatchAccepted"];
                };
            };
            400: components["responses"]["INVALID_JSON.VALIDATION_ERROR"];
            401: components["responses"]["INVALID_INGEST_KEY"];
            413: components["responses"]["PAYLOAD_TOO_LARGE"];
            415: components["responses"]["UNSUPPORTED_MEDIA_TYPE"];
            422: components["responses"]["ROW_REFUSED"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.INGEST_OVERLOADED.SHUTTING_DOWN"];
        };
    };
    addWooCommerceOperations: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WooCommerceOperationBatch"];
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WooCommerceOperationsAccepted"];
                };
            };
            400: components["responses"]["INVALID_JSON.VALIDATION_ERROR"];
            401: components["responses"]["INVALID_INGEST_KEY"];
            413: components["responses"]["PAYLOAD_TOO_LARGE"];
            415: components["responses"]["UNSUPPORTED_MEDIA_TYPE"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.INGEST_OVERLOADED.SHUTTING_DOWN"];
        };
    };
    getWidgetHealthSummary: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetHealthSummary"];
                };
            };
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getOpenApiDocument: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        openapi: string;
                    } & {
                        [key: string]: unknown;
                    };
                };
            };
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["SHUTTING_DOWN"];
        };
    };
    getWidgetHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WidgetHealth"];
                };
            };
            401: components["responses"]["TOKEN_EXPIRED.UNAUTHENTICATED"];
            403: components["responses"]["FORBIDDEN.ORG_DEACTIVATED"];
            404: components["responses"]["ORG_NOT_FOUND"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.SHUTTING_DOWN"];
        };
    };
    getBrowserScript: {
        parameters: {
            query?: never;
            header?: {
                /** @description An `ETag`: 304 if it is still the script. */
                "if-none-match"?: string;
            };
            path: {
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The script */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    /** @description Of its content */
                    ETag: string;
                    /** @description How long it may be kept */
                    "Cache-Control": string;
                    /** @description The name beside this one under which it never changes */
                    "Content-Location": string;
                    [name: string]: unknown;
                };
                content: {
                    "text/javascript": string;
                };
            };
            /** @description It is what the caller has */
            304: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["VALIDATION_ERROR"];
            404: components["responses"]["NOT_FOUND"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["SHUTTING_DOWN"];
        };
    };
    addMarketingEvent: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MarketingEvent"];
                "text/plain": string;
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MarketingEventAccepted"];
                };
            };
            400: components["responses"]["v1.INVALID_JSON.VALIDATION_ERROR"];
            403: components["responses"]["v1.ORIGIN_NOT_ALLOWED"];
            413: components["responses"]["v1.PAYLOAD_TOO_LARGE"];
            415: components["responses"]["v1.UNSUPPORTED_MEDIA_TYPE"];
            422: components["responses"]["v1.ROW_REFUSED"];
            429: components["responses"]["v1.RATE_LIMITED"];
            500: components["responses"]["v1.INTERNAL_ERROR"];
            503: components["responses"]["v1.DATABASE_UNAVAILABLE.INGEST_OVERLOADED.SHUTTING_DOWN"];
        };
    };
    getServiceHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ServiceHealth"];
                };
            };
        };
    };
    captureLead: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LeadCapture"];
                "text/plain": string;
                "application/x-www-form-urlencoded": components["schemas"]["LeadCapture"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LeadCaptured"];
                };
            };
            /** @description Accepted */
            202: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        ok: true;
                    };
                };
            };
            /** @description Of a posted form: back to the site */
            303: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    /** @description A path of the site */
                    Location: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["v1.INVALID_JSON.VALIDATION_ERROR"];
            403: components["responses"]["v1.ORIGIN_NOT_ALLOWED"];
            413: components["responses"]["v1.PAYLOAD_TOO_LARGE"];
            415: components["responses"]["v1.UNSUPPORTED_MEDIA_TYPE"];
            422: components["responses"]["v1.ROW_REFUSED"];
            429: components["responses"]["v1.RATE_LIMITED"];
            500: components["responses"]["v1.INTERNAL_ERROR"];
            503: components["responses"]["v1.DATABASE_UNAVAILABLE.INGEST_OVERLOADED.SHUTTING_DOWN"];
        };
    };
    deleteLead: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LeadDelete"];
                "text/plain": string;
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LeadDeleted"];
                };
            };
            400: components["responses"]["v1.INVALID_JSON.VALIDATION_ERROR"];
            401: components["responses"]["v1.unauthorized"];
            403: components["responses"]["v1.ORIGIN_NOT_ALLOWED"];
            404: components["responses"]["v1.NOT_FOUND"];
            413: components["responses"]["v1.PAYLOAD_TOO_LARGE"];
            415: components["responses"]["v1.UNSUPPORTED_MEDIA_TYPE"];
            429: components["responses"]["v1.RATE_LIMITED"];
            500: components["responses"]["v1.INTERNAL_ERROR"];
            503: components["responses"]["v1.DATABASE_UNAVAILABLE.SHUTTING_DOWN.admin_auth_not_configured"];
        };
    };
    unsubscribeLead: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LeadUnsubscribe"];
                "text/plain": string;
                "application/x-www-form-urlencoded": components["schemas"]["LeadUnsubscribe"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LeadUnsubscribed"];
                };
            };
            400: components["responses"]["v1.INVALID_JSON.VALIDATION_ERROR"];
            403: components["responses"]["v1.ORIGIN_NOT_ALLOWED"];
            404: components["responses"]["v1.NOT_FOUND"];
            413: components["responses"]["v1.PAYLOAD_TOO_LARGE"];
            415: components["responses"]["v1.UNSUPPORTED_MEDIA_TYPE"];
            429: components["responses"]["v1.RATE_LIMITED"];
            500: components["responses"]["v1.INTERNAL_ERROR"];
            503: components["responses"]["v1.DATABASE_UNAVAILABLE.INGEST_OVERLOADED.SHUTTING_DOWN"];
        };
    };
    getMarketingSummary: {
        parameters: {
            query: {
                /**
                 * @description First day, UTC.
                 * @example 2026-01-14
                 */
                from: string;
                /**
                 * @description Last day, UTC; the window has 366 days at most.
                 * @example 2026-02-13
                 */
                to: string;
                /** @description `default` is all properties. */
                propertyId?: string;
                /** @description Whether to compare with the window before: 1, true, yes, on, or 0, false, no, off. */
                compareTo?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MarketingSummary"];
                };
            };
            400: components["responses"]["v1.VALIDATION_ERROR"];
            401: components["responses"]["v1.unauthorized"];
            429: components["responses"]["v1.RATE_LIMITED"];
            500: components["responses"]["v1.INTERNAL_ERROR"];
            503: components["responses"]["v1.DATABASE_UNAVAILABLE.SHUTTING_DOWN.admin_auth_not_configured"];
        };
    };
    addWidgetEvents: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WidgetAnalyticsBatch"];
                "text/plain": string;
            };
        };
        responses: {
            /** @description Stored, or known already, or dropped as bot traffic. */
            204: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["INVALID_JSON.VALIDATION_ERROR"];
            403: components["responses"]["ORIGIN_NOT_ALLOWED"];
            404: components["responses"]["CHATBOT_NOT_FOUND"];
            413: components["responses"]["PAYLOAD_TOO_LARGE"];
            415: components["responses"]["UNSUPPORTED_MEDIA_TYPE"];
            422: components["responses"]["ROW_REFUSED"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.INGEST_OVERLOADED.SHUTTING_DOWN"];
        };
    };
    reportWidgetError: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WidgetErrorReport"];
                "text/plain": string;
            };
        };
        responses: {
            /** @description Stored, or known already, or dropped as bot traffic. */
            204: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["INVALID_JSON.VALIDATION_ERROR"];
            403: components["responses"]["ORIGIN_NOT_ALLOWED"];
            404: components["responses"]["CHATBOT_NOT_FOUND"];
            413: components["responses"]["PAYLOAD_TOO_LARGE"];
            415: components["responses"]["UNSUPPORTED_MEDIA_TYPE"];
            422: components["responses"]["ROW_REFUSED"];
            429: components["responses"]["RATE_LIMITED"];
            500: components["responses"]["INTERNAL_ERROR"];
            503: components["responses"]["DATABASE_UNAVAILABLE.INGEST_OVERLOADED.SHUTTING_DOWN"];
        };
    };
}
