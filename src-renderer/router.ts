import { createRouter, createWebHashHistory, type Router } from 'vue-router'
import OverviewPage from './pages/OverviewPage.vue'

/**
 * Routes live behind `#`: `/jobs`, `/logs/` and `/items/` stay Scrapyd's plain pages, any path prefix works without
 * rules on a server, and the login page, which is served in place, keeps the fragment.
 */
export function createConsoleRouter(): Router {
  return createRouter({
    history: createWebHashHistory(),
    routes: [
      { path: '/', name: 'overview', component: OverviewPage },
      { path: '/jobs', name: 'jobs', component: () => import('./pages/jobs/JobsPage.vue') },
      {
        path: '/jobs/:key/:tab(about|items|stats|configuration)?',
        name: 'job',
        component: () => import('./pages/job/JobPage.vue'),
      },
      { path: '/projects', name: 'projects', component: () => import('./pages/ProjectsPage.vue') },
      {
        path: '/projects/:project/:tab(jobs|pulls)?',
        name: 'project',
        component: () => import('./pages/ProjectPage.vue'),
      },
      { path: '/nodes', name: 'nodes', component: () => import('./pages/NodesPage.vue') },
      {
        path: '/nodes/:id/:tab(jobs|projects|history)?',
        name: 'node',
        component: () => import('./pages/NodePage.vue'),
      },
      { path: '/forwards', name: 'forwards', component: () => import('./pages/ForwardsPage.vue') },
      { path: '/:rest(.*)*', name: 'not-found', component: () => import('./pages/NotFoundPage.vue') },
    ],
  })
}
