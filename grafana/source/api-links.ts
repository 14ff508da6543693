/**
 * Where the api is for the browsers of people who look at dashboards; links that ask it for JSON begin so. Put your own in place of it, then
 * npm run generate. See docs/dashboards.md.
 */
export const apiUrl = 'http://localhost:8080';
