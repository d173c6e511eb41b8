import './tried.mjs'
import '/hybridge/dist/worker.js'
